"""mmengine's configs against the real `DefaultOptimWrapperConstructor`."""

import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.dialects import mmengine
from tests.integrations.dialects.cases import Net, Numbers, Vit, held, planned
from tests.support import import_timm

with warnings.catch_warnings(action="ignore"):  # torchao, which mmengine loads, warns when imported
    from mmengine.optim import build_optim_wrapper

import_timm()

from timm import create_model  # noqa: E402  # torchvision is made to load first

CONFIGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "norms": {"norm_decay_mult": 0.0},
    "norms and biases": {"norm_decay_mult": 0.0, "bias_decay_mult": 0.5, "bias_lr_mult": 2.0},
    "vectors": {"flat_decay_mult": 0.0},
    "depthwise": {"dwconv_decay_mult": 0.1, "flat_decay_mult": 0.3},
    "zeros count": {"norm_decay_mult": 0.0, "flat_decay_mult": 0.5, "bias_lr_mult": 0.0},
    "keys": {"custom_keys": {"head": {"lr_mult": 10.0}, "layer1": {"lr_mult": 0.1, "decay_mult": 0.0}}},
    "the longest key": {
        "custom_keys": {
            "layer1": {"lr_mult": 0.1}, "layer10": {"decay_mult": 0.3}, "layer10.1.w": {"lr_mult": 3.0},
        }
    },
    "keys hold over kinds": {
        "custom_keys": {".cls_token": {"decay_mult": 0.0}, "layer10": {"lr_mult": 0.5}},
        "norm_decay_mult": 0.0,
        "bias_lr_mult": 2.0,
    },
    "equal length, alphabet": {"custom_keys": {"yer1": {"lr_mult": 0.1}, "laye": {"lr_mult": 0.2}}},
    "a rate outright": {"custom_keys": {"head": {"lr": 0.7, "betas": (0.5, 0.9)}}},
}  # fmt: skip
SWIN = {"custom_keys": {"norm": {"decay_mult": 0.0}, "relative_position_bias_table": {"decay_mult": 0.0}}}
CONVNEXT = {
    "norm_decay_mult": 0.0,
    "bias_decay_mult": 0.0,
    "flat_decay_mult": 0.0,
    "custom_keys": {"head": {"lr_mult": 5.0}},
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """It logs each parameter."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def config(paramwise: dict[str, Any], **optimizer: Any) -> dict[str, Any]:
    made = {"type": "AdamW", "lr": 1e-3, "weight_decay": 0.05} | optimizer
    return {"type": "OptimWrapper", "optimizer": made, "paramwise_cfg": paramwise}


def real(made: dict[str, Any], model: nn.Module) -> Numbers:
    return held(build_optim_wrapper(model, made).optimizer.param_groups, model)


def read(made: dict[str, Any], model: nn.Module, **options: Any) -> pg.Recipe:
    """Without what is told of keys within words."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "mmengine.read: custom key", UserWarning)
        return mmengine.read(made, model, **options)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_recipe_gives_the_constructors_numbers(name: str) -> None:
    model, made = Net(), config(CONFIGS[name])
    recipe = read(made, model, missing="ignore")
    assert planned(model, recipe) == real(made, model)
    assert pg.plan(model, recipe)["head.bias"].beta1 == (0.5 if name == "a rate outright" else 0.9)


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_written_gives_the_same_numbers(name: str) -> None:
    model, made = Net(), config(CONFIGS[name])
    plan = pg.plan(model, read(made, model, missing="ignore"))
    written = mmengine.write(plan)
    assert real(written, model) == real(made, model)
    assert planned(model, read(written, model)) == planned(model, plan.recipe)


@pytest.mark.parametrize(
    ("name", "paramwise"),
    [("swin_tiny_patch4_window7_224", SWIN), ("convnext_tiny", CONVNEXT), ("resnet18", CONVNEXT)],
)
def test_usual_configs_of_usual_models(name: str, paramwise: dict[str, Any]) -> None:
    with torch.device("meta"):
        model = create_model(name)
    made = config(paramwise, betas=(0.9, 0.95))
    recipe = read(made, model, missing="ignore")
    assert planned(model, recipe) == real(made, model)
    assert len(recipe.rules) <= 2


@pytest.mark.parametrize("make", [Net, Vit])
def test_layer_decay_is_written_for_the_constructor(make: Any) -> None:
    model = make()
    rules = [
        pg.recipes.layer_decay(0.7),
        pg.recipes.no_decay(),
        pg.rule("head", lr_scale=3.3, weight_decay=0.01),
    ]
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=3e-4, weight_decay=0.05, rules=rules))
    written = mmengine.write(plan)
    assert real(written, model) == planned(model, plan.recipe)
    assert planned(model, read(written, model)) == planned(model, plan.recipe)


def test_norms_and_biases_are_written_by_their_kind() -> None:
    model = Net()
    recipe = pg.Recipe(
        optimizer="sgd", lr=0.1, weight_decay=1e-4, momentum=0.9, rules=[pg.recipes.no_decay()]
    )
    assert mmengine.write(pg.plan(model, recipe)) == {
        "type": "OptimWrapper",
        "optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
        "paramwise_cfg": {"norm_decay_mult": 0.0, "bias_decay_mult": 0.0},
    }


def test_head_is_written_so_that_decode_head_is_not_taken() -> None:
    model = Net()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", lr_scale=10)]))
    keys = mmengine.write(plan)["paramwise_cfg"]["custom_keys"]
    assert keys["head."] == {"lr_mult": 10.0}
    assert keys["decode_head.weight"] == {}
    assert real(mmengine.write(plan), model)["decode_head.weight"] == (0.1, 0.0)


def test_a_tied_tensor_is_given_once() -> None:
    model = Net()
    model.decode_head.weight = model.head.weight
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", lr_scale=10)]))
    written = mmengine.write(plan)
    assert written["paramwise_cfg"]["bypass_duplicate"] is True
    assert real(written, model) == planned(model, plan.recipe)
    assert planned(model, read(written, model)) == planned(model, plan.recipe)


def test_frozen_parameters_are_no_matter() -> None:
    model = Net()
    model.layer1.requires_grad_(requires_grad=False)
    made = config(CONFIGS["norms and biases"])
    assert planned(model, read(made, model)) == real(made, model)


def test_a_key_within_longer_words_is_told() -> None:
    model = Net()
    with pytest.warns(
        UserWarning, match=r"custom key 'layer1' is found within longer words.*layer10\.0\.weight"
    ):
        mmengine.read({"custom_keys": {"layer1": {"lr_mult": 0.1}}}, model, lr=0.1)


def test_a_key_with_a_dot_takes_what_it_says() -> None:
    recipe = mmengine.read({"custom_keys": {"layer1.": {"lr_mult": 0.1}}}, Net(), lr=0.1)
    assert recipe.rules == (pg.rule("layer1", lr_scale=0.1),)


def test_what_the_wrapper_does_is_told() -> None:
    made = config({}) | {"clip_grad": {"max_norm": 1.0}}
    with pytest.warns(UserWarning, match=r"clip_grad: the wrapper does this"):
        mmengine.read(made, Net())


@pytest.mark.parametrize(
    ("paramwise", "told"),
    [
        ({"norm_decay_mul": 0.0}, r"'norm_decay_mul' is no setting .* Nearest: \"norm_decay_mult\""),
        ({"custom_keys": {"headd": {"lr_mult": 1.0}}}, "decide for no parameter: 'headd'"),
        ({"custom_keys": {"head": {"lr_mul": 1.0}}}, r'lr_mul=1.0, which nobody reads. Nearest: "lr_mult"'),
        ({"custom_keys": ["head"]}, "custom_keys="),
        ({"custom_keys": {"head": {"lr_mult": "2"}}}, "head: lr_mult='2' is no number"),
    ],
    ids=["setting", "idle", "multiplier", "no table", "no number"],
)
def test_what_mmengine_passes_over_or_falls_over_is_refused(paramwise: dict[str, Any], told: str) -> None:
    with pytest.raises(HostError, match=told):
        mmengine.read(paramwise, Net(), lr=0.1, weight_decay=0.1)


def test_mmengine_passes_over_flat_decay_where_there_is_no_decay_and_that_is_refused() -> None:
    model, made = Net(), config({"flat_decay_mult": 0.0})
    del made["optimizer"]["weight_decay"]
    assert real(made, model)["head.bias"] == (1e-3, 0.01)
    with pytest.raises(HostError, match="flat_decay_mult of paramwise_cfg has no weight decay to multiply"):
        mmengine.read(made, model)


def test_mmengine_takes_a_child_called_module_for_the_model() -> None:
    model = nn.ModuleDict({"module": nn.Linear(2, 2), "head": nn.Linear(2, 1)})
    assert real(config({"norm_decay_mult": 0.0}), model).keys() == {"module.weight", "module.bias"}
    assert len(planned(model, mmengine.read(config({"norm_decay_mult": 0.0}), model))) == 4


def test_another_constructor_is_refused() -> None:
    made = config({"decay_rate": 0.9}) | {"constructor": "LearningRateDecayOptimizerConstructor"}
    with pytest.raises(HostError, match=r"rules of its own.*layer_decay"):
        mmengine.read(made, Net())


@pytest.mark.parametrize("made", [None, [], "x", {"type": "OptimWrapper"}, {"optimizer": {"lr": 1}}])
def test_no_config_is_refused(made: Any) -> None:
    with pytest.raises(HostError, match="is no config"):
        mmengine.read(made, Net())


def test_a_rate_that_nobody_says_is_asked_for() -> None:
    with pytest.raises(HostError, match="nobody says the rate"):
        mmengine.read({"norm_decay_mult": 0.0}, Net(), weight_decay=0.1)


def test_frozen_parameters_are_named_and_can_be_let_go() -> None:
    plan = pg.plan(Net(), pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("embed", trainable=False)]))
    with pytest.raises(HostError, match=r"frozen: embed.weight, embed.bias"):
        mmengine.write(plan)
    written = mmengine.write(plan, lose=["frozen"])
    assert written["paramwise_cfg"]["custom_keys"] == {"embed.": {"lr_mult": 0.0}}


def test_an_optimizer_that_mmengine_has_not_is_refused() -> None:
    with pytest.raises(HostError, match="Lion is ours"):
        mmengine.write(pg.plan(Net(), pg.Recipe(optimizer="lion", lr=0.1)))


values = st.tuples(st.sampled_from([1.0, 0.1, 0.3, 0.0, 7.0]), st.sampled_from([0.05, 0.0, 0.017]))


@settings(max_examples=15, deadline=None)
@given(st.lists(values, min_size=15, max_size=15))
def test_whatever_a_plan_says_of_each_parameter_is_written_and_read_back(
    said: list[tuple[float, float]],
) -> None:
    model = Net()
    named = dict(zip(dict(model.named_parameters()), said, strict=True))
    rules = [pg.rule(name, lr_scale=scale, weight_decay=decay) for name, (scale, decay) in named.items()]
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=3e-4, rules=rules))
    written = mmengine.write(plan)
    assert real(written, model) == planned(model, plan.recipe)
    assert planned(model, read(written, model, missing="ignore")) == planned(model, plan.recipe)


def test_a_decay_that_is_the_default_of_the_class_is_written_where_it_is_multiplied() -> None:
    plan = pg.plan(Net(), pg.Recipe(optimizer="adamw", lr=1e-3, rules=[pg.recipes.no_decay()]))
    written = mmengine.write(plan)
    assert written["optimizer"]["weight_decay"] == 0.01  # mmengine multiplies what stands here alone
    again = pg.plan(model := Net(), mmengine.read(written, model))
    assert {row.name: row.weight_decay for row in again.rows} == {
        row.name: row.weight_decay for row in plan.rows
    }


def test_no_key_is_written_that_decides_for_nothing() -> None:
    model = nn.ModuleDict(
        {"blocks": nn.ModuleList([nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4)) for _ in range(3)])}
    )
    rules = [pg.rule("[ndim==1]", weight_decay_scale=0.001), pg.rule(":bias", lr_scale=1 / 3)]
    plan = pg.plan(model, pg.Recipe(optimizer="adam", lr=3e-4, weight_decay=1 / 3, rules=rules))
    again = pg.plan(model, mmengine.read(mmengine.write(plan), model))
    assert [(row.lr, row.weight_decay) for row in again.rows] == [
        (row.lr, row.weight_decay) for row in plan.rows
    ]
