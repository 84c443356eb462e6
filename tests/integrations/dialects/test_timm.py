"""timm's groups, made by timm: their numbers, its schedulers, and what it passes over in silence."""

from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.dialects import timm
from tests.integrations.dialects.cases import Net, held, planned
from tests.support import import_timm

import_timm()

from timm import create_model  # noqa: E402  # torchvision is made to load first
from timm.optim import create_optimizer_v2, param_groups_layer_decay, param_groups_weight_decay  # noqa: E402
from timm.scheduler import CosineLRScheduler, StepLRScheduler  # noqa: E402

LR = 1e-3
MODELS = [
    "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "convnext_tiny", "resnet18", "efficientnet_b0",
    "beit_base_patch16_224", "mixer_s16_224", "levit_128",
]  # fmt: skip
ViT = {
    "img_size": 8,
    "patch_size": 2,
    "in_chans": 1,
    "depth": 3,
    "embed_dim": 16,
    "num_heads": 2,
    "num_classes": 10,
}


def meta(name: str) -> nn.Module:
    with torch.device("meta"):
        model: nn.Module = create_model(name)
    return model


def small() -> nn.Module:
    model: nn.Module = create_model("vit_tiny_patch16_224", **ViT)
    return model


def groups_of(model: Any, **options: Any) -> list[dict[str, Any]]:
    spared = model.no_weight_decay() if hasattr(model, "no_weight_decay") else ()
    found: list[dict[str, Any]] = param_groups_layer_decay(
        model, 0.05, no_weight_decay_list=spared, **options
    )
    return found


def scaled(groups: list[dict[str, Any]], model: nn.Module) -> dict[str, tuple[float, float]]:
    return held([group | {"lr": LR * group["lr_scale"]} for group in groups], model)


@pytest.mark.parametrize("name", MODELS)
def test_layer_decay_of_timm_is_layer_decay(name: str) -> None:
    model = meta(name)
    groups = groups_of(model)
    recipe = timm.read(groups, model, lr=LR)
    assert recipe.rules[0] == pg.recipes.layer_decay(0.75)
    assert len(recipe.rules) == 2
    assert planned(model, recipe) == scaled(groups, model)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet18"])
def test_what_is_written_is_read_back_to_equal_numbers(name: str) -> None:
    model = meta(name)
    recipe = timm.read(groups_of(model), model, lr=LR)
    written = timm.write(pg.plan(model, recipe))
    assert scaled(written, model) == planned(model, recipe)
    assert planned(model, timm.read(written, model)) == planned(model, recipe)


def test_a_recipe_that_was_read_is_a_file(tmp_path: Any) -> None:
    model = meta("resnet18")
    recipe = timm.read(groups_of(model), model, lr=LR)
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    assert pg.load_recipe(tmp_path / "recipe.toml") == recipe


def test_a_smallest_scale_stands_beside_the_decay() -> None:
    model = small()
    groups = groups_of(model, min_scale=0.5)
    recipe = timm.read(groups, model, lr=LR)
    assert planned(model, recipe) == scaled(groups, model)
    assert "LayerDecay(decay=0.75)" in repr(recipe)
    assert "lr_scale=0.5" in repr(recipe)


def test_weight_decay_alone_is_one_rule() -> None:
    model = small()
    recipe = timm.read(param_groups_weight_decay(model, 0.05), model, lr=LR)
    assert recipe == pg.Recipe(
        optimizer="adamw", lr=LR, weight_decay=0.05, rules=[pg.rule(":norm | :bias", weight_decay=0.0)]
    )


def test_an_optimizer_of_timm_tells_itself() -> None:
    model = small()
    optimizer = create_optimizer_v2(model, "sgd", lr=0.1, weight_decay=1e-4, momentum=0.8, layer_decay=0.5)
    recipe = timm.read(optimizer, model)
    assert (recipe.optimizer, recipe.lr) == ("sgd", 0.1)
    assert {"momentum": 0.8, "nesterov": True}.items() <= recipe.settings.items()
    assert recipe.rules[0] == pg.recipes.layer_decay(0.5)


def cosine(optimizer: torch.optim.Optimizer) -> Any:
    return CosineLRScheduler(optimizer, t_initial=20, lr_min=0.0, t_in_epochs=False)


def steps(optimizer: torch.optim.Optimizer) -> Any:
    return StepLRScheduler(optimizer, decay_t=6, decay_rate=0.1, t_in_epochs=False)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(cosine, pg.schedules.cosine()), (steps, pg.schedules.step(0.1, every=6))],
    ids=["cosine", "step"],
)
def test_both_schedulers_give_equal_rates_at_every_step(theirs: Any, ours: Any) -> None:
    model = small()
    optimizer = create_optimizer_v2(model, "adamw", lr=LR, weight_decay=0.05, layer_decay=0.75)
    recipe = timm.read(optimizer, model)
    scheduler = theirs(optimizer)
    again = pg.Recipe(optimizer="adamw", rules=recipe.rules, schedule=ours, **recipe.settings)
    mine, ticking = pg.build(pg.plan(model, again, steps=20))
    for step in range(20):
        scheduler.step_update(step)
        expected = held(optimizer.param_groups, model)
        for name, numbers in held(mine.param_groups, model).items():
            assert numbers == pytest.approx(expected[name], rel=1e-14, abs=1e-18)
        mine.step()
        ticking.step()


def test_timms_scheduler_drives_what_is_written_to_the_plans_rates() -> None:
    model = small()
    rules = [pg.recipes.layer_decay(0.5), pg.rule("head", lr_scale=3), pg.recipes.no_decay()]
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=LR, weight_decay=0.1, rules=rules))
    optimizer = torch.optim.AdamW(timm.write(plan))
    cosine(optimizer).step_update(0)
    assert held(optimizer.param_groups, model) == planned(model, plan.recipe)


def test_groups_are_read_after_a_scheduler_has_begun() -> None:
    model = small()
    optimizer = create_optimizer_v2(model, "adamw", lr=LR, weight_decay=0.05, layer_decay=0.75)
    before = timm.read(optimizer, model)
    cosine(optimizer).step_update(11)
    assert timm.read(optimizer, model) == before


def test_a_scheduler_of_torch_passes_over_lr_scale() -> None:
    model = small()
    optimizer = create_optimizer_v2(model, "adamw", lr=LR, layer_decay=0.75)
    torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    assert {group["lr"] for group in optimizer.param_groups} == {LR}
    assert len({group["lr_scale"] for group in optimizer.param_groups}) == 5


def test_timm_gives_a_wrapped_model_one_rate_and_that_is_told() -> None:
    model = small()
    groups = param_groups_layer_decay(nn.DataParallel(model))
    assert {group["lr_scale"] for group in groups} == {1.0}
    with pytest.warns(UserWarning, match="lr_scale is 1 in every group.*wrapped model"):
        timm.read(groups, model, lr=LR)


def test_a_wrapped_model_is_read_by_its_own_names() -> None:
    model = small()
    groups = groups_of(model)
    assert timm.read(groups, nn.DataParallel(model), lr=LR) == timm.read(groups, model, lr=LR)


def test_frozen_parameters_are_no_matter() -> None:
    model = small()
    for tensor in model.get_submodule("patch_embed").parameters():
        tensor.requires_grad_(False)
    groups = groups_of(model)
    assert planned(model, timm.read(groups, model, lr=LR)) == scaled(groups, model)


def test_a_rate_of_a_groups_own_is_what_its_scale_multiplies() -> None:
    model = Net()
    groups = [
        {"params": model.head.parameters(), "lr": 0.5, "lr_scale": 0.1},
        {"params": [p for name, p in model.named_parameters() if not name.startswith("head")], "lr": 0.1},
    ]
    recipe = timm.read(groups, model)
    assert recipe.rules == (pg.rule("head", lr=0.5, lr_scale=0.1),)
    assert planned(model, recipe)["head.bias"][0] == 0.5 * 0.1


def test_the_key_of_another_dialect_is_refused() -> None:
    model = nn.Linear(2, 1)
    with pytest.raises(HostError, match=r'lr_mult=0.1, which nobody reads.*Here it is called "lr_scale"'):
        timm.read([{"params": model.parameters(), "lr_mult": 0.1}], model, lr=LR)


def test_a_misspelt_hyperparameter_is_refused_with_the_nearest() -> None:
    model = nn.Linear(2, 1)
    with pytest.raises(HostError, match=r'Nearest: "weight_decay"'):
        timm.read([{"params": model.parameters(), "weigth_decay": 0.1}], model, lr=LR)


def test_a_group_of_a_second_optimizer_is_refused() -> None:
    model = small()
    groups = param_groups_layer_decay(model, fallback_list=["head.*"])
    with pytest.raises(HostError, match=r"use_fallback=True.*another optimizer"):
        timm.read(groups, model, lr=LR)


def test_a_rate_that_nobody_says_is_asked_for() -> None:
    model = nn.Linear(2, 1)
    with pytest.raises(HostError, match="nobody says the rate"):
        timm.read([{"params": model.parameters(), "lr_scale": 0.1}], model)


@pytest.mark.parametrize("scale", ["0.1", float("nan"), -1, None, True])
def test_a_scale_is_a_number(scale: Any) -> None:
    model = nn.Linear(2, 1)
    with pytest.raises(HostError, match=r"group 0 \(weight and 1 more\): lr_scale="):
        timm.read([{"params": model.parameters(), "lr_scale": scale}], model, lr=LR)
