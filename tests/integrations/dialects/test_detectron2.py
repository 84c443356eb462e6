"""detectron2's arguments against a slow twin, written from what `get_default_optimizer_params` documents.

detectron2 itself is on no registry for this Python; the twin follows the code of its main branch.
"""

from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.dialects import detectron2
from paramgroups.integrations.dialects.detectron2 import NORMS, Factors
from tests.integrations.dialects.cases import Net, Numbers, Vit, held, planned

LR, DECAY = 0.02, 1e-4


def twin(model: nn.Module, config: dict[str, Any]) -> Numbers:
    """Defaults, then the norm's decay, then the function's factor; what a leaf's name says holds over all."""
    base, factor = config.get("base_lr", LR), config.get("bias_lr_factor", 1.0)
    own = {leaf: dict(values) for leaf, values in config.get("overrides", {}).items()}
    bias = {"lr": base * factor} if factor != 1.0 else {}
    bias |= {"weight_decay": config["weight_decay_bias"]} if "weight_decay_bias" in config else {}
    own |= {"bias": bias} if bias else {}
    groups, seen = [], set()
    for prefix, module in model.named_modules():
        for leaf, tensor in module.named_parameters(recurse=False):
            if not tensor.requires_grad or tensor in seen:
                continue
            seen.add(tensor)
            said = {"lr": base, "weight_decay": config.get("weight_decay", DECAY)}
            if isinstance(module, NORMS) and "weight_decay_norm" in config:
                said["weight_decay"] = config["weight_decay_norm"]
            if "lr_factor_func" in config:
                said["lr"] *= config["lr_factor_func"](f"{prefix}.{leaf}")
            groups.append({"params": [tensor], **said, **own.get(leaf, {})})
    return held(groups, model)


CONFIGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "norms": {"weight_decay_norm": 0.0},
    "biases": {"base_lr": 0.1, "bias_lr_factor": 2.0, "weight_decay_bias": 0.0, "weight_decay_norm": 0.5},
    "a function": {"base_lr": 0.1, "lr_factor_func": lambda name: 0.1 if "layer1" in name else 1},
    "a function of depth": {"base_lr": 0.1, "lr_factor_func": lambda name: 0.5 ** name.count(".")},
    "own names": {
        "overrides": {"cls_token": {"lr": 0.5, "weight_decay": 0.0}, "bias": {"weight_decay": 0.3}},
    },
    "own names hold over the function": {
        "base_lr": 0.1, "weight_decay": 0.01, "overrides": {"bias": {"lr": 0.7}},
        "lr_factor_func": lambda _: 0.5,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_the_recipe_gives_detectron2s_numbers(name: str) -> None:
    model, config = Net(), CONFIGS[name]
    assert planned(model, detectron2.read(config, model, lr=LR, weight_decay=DECAY)) == twin(model, config)


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_written_gives_the_same_numbers(name: str) -> None:
    model = Net()
    plan = pg.plan(model, detectron2.read(CONFIGS[name], model, lr=LR, weight_decay=DECAY))
    written = detectron2.write(plan)
    assert twin(model, written) == planned(model, plan.recipe)
    assert planned(model, detectron2.read(written, model)) == planned(model, plan.recipe)


def test_a_function_that_falls_with_depth_is_layer_decay() -> None:
    model = Vit()

    def factor(name: str) -> float:
        first, *rest = name.removeprefix(".").split(".")
        if first in ("cls_token", "pos_embed", "patch_embed"):
            return 0.5**4
        return float(0.5 ** (3 - int(rest[0]))) if first == "blocks" else 1.0

    recipe = detectron2.read({"base_lr": 0.1, "lr_factor_func": factor}, model)
    assert planned(model, recipe) == {
        n: (lr, 0) for n, (lr, _) in twin(model, {"base_lr": 0.1, "lr_factor_func": factor}).items()
    }
    assert "LayerDecay(decay=0.5)" in recipe.to_toml() or "layer_decay" in recipe.to_toml()


def test_layer_decay_is_written_as_a_function() -> None:
    model = Vit()
    rules = [pg.recipes.layer_decay(0.7), pg.recipes.no_decay()]
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=3e-4, weight_decay=0.05, rules=rules))
    written = detectron2.write(plan)
    assert written["overrides"] == {"bias": {"weight_decay": 0.0}}
    assert twin(model, written) == planned(model, plan.recipe)


def test_a_factor_of_what_no_table_has_is_one() -> None:
    assert Factors({"cls_token": 0.5})(".cls_token") == 0.5
    assert Factors({"cls_token": 0.5})("head.weight") == 1.0


def test_weight_decays_by_place_cannot_be_said() -> None:
    model = Vit()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", weight_decay=0.1)]))
    with pytest.raises(HostError, match=r"values: weight_decay of parameters named '(weight|bias)'"):
        detectron2.write(plan)


def test_other_hyperparameters_by_place_cannot_be_said() -> None:
    model = Vit()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", momentum=0.5)]))
    with pytest.raises(HostError, match="values: momentum that differs"):
        detectron2.write(plan)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"weight_decay_nrom": 0.0}, r"'weight_decay_nrom' is no argument.*Nearest: \"weight_decay_norm\""),
        ({"overrides": {"biass": {"lr": 1.0}}}, "own name is 'biass'"),
        ({"overrides": {"head.bias": {"lr": 1.0}}}, "overrides go by the last part of a name"),
        ({"overrides": {"bias": {"lrr": 1.0}}}, "have 'lrr', which nobody reads"),
        ({"overrides": {"bias": {"lr": 1.0}}, "weight_decay_bias": 0.0}, "bias arguments say it too"),
        ({"weight_decay_norm": "0"}, "weight_decay_norm='0' is no number"),
        ({"lr_factor_func": lambda _: None}, "lr_factor_func=None is no number"),
        ([], "are no arguments"),
    ],
    ids=["argument", "name", "path", "key", "bias", "number", "function", "no dict"],
)
def test_what_means_nothing_is_refused(config: Any, told: str) -> None:
    with pytest.raises(HostError, match=told):
        detectron2.read(config, Net(), lr=0.1)


def test_a_rate_that_nobody_says_is_asked_for() -> None:
    with pytest.raises(HostError, match="nobody says the rate"):
        detectron2.read({}, Net())


def test_plain_groups_of_a_plan_are_what_its_scheduler_multiplies() -> None:
    model = Net()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", lr_scale=10)]))
    optimizer = torch.optim.SGD(plan.param_groups())
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 0.5)
    assert held(optimizer.param_groups, model)["head.bias"][0] == 0.5
    assert held(optimizer.param_groups, model)["embed.bias"][0] == 0.05


def test_what_a_window_holds_at_present_is_said_too() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    rules = [pg.rule("0", lr_scale=0.5), pg.rule("0", trainable=False, until=2)]
    made = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=rules), steps=4)
    pg.build(made)
    assert detectron2.write(made, lose=["windows"])["lr_factor_func"]("0.weight") == 0.5


def test_what_a_plan_has_frozen_is_read_as_it_will_be_trained() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("0", trainable=False)])).freeze(model)
    found = detectron2.read({"base_lr": 0.1, "lr_factor_func": Factors({"0.weight": 0.5})}, model)
    assert found.rules == (pg.rule("0.weight", lr_scale=0.5),)
