"""Megatron-core's groups under slow twins of its scheduler, since 0.16 and before.

The twins were checked against 0.19.2 and 0.13.1, which a test cannot need: they ask for their own machines.
"""

from math import cos, pi
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.dialects import megatron
from paramgroups.schedules import cosine, warmup
from tests.integrations.dialects.cases import Vit, held, planned

LR, FLOOR, DECAY, WARM, STEPS = 1e-3, 1e-4, 0.1, 5, 25


def drive(groups: list[dict[str, Any]], step: int, *, older: bool = False) -> None:
    for group in groups:
        top, low = group.get("max_lr", LR), group.get("min_lr", FLOOR)
        part = 0.5 * (1 + cos(pi * (step - WARM) / (STEPS - WARM)))
        rate = top * (step / WARM) if step <= WARM else low + part * (top - low)
        group["lr"] = rate * group.get("lr_mult", 1.0) if older else rate
        group["weight_decay"] = DECAY * group.get("wd_mult", 1.0)


def groups_of(model: nn.Module, **head: Any) -> list[dict[str, Any]]:
    named = dict(model.named_parameters())
    flags = {"is_expert_parallel": False, "is_decoupled_lr": False, "default_config": True, "lr_mult": 1.0}
    parts = {
        "matrix": [p for n, p in named.items() if p.ndim > 1 and not n.startswith("head")],
        "vector": [p for n, p in named.items() if p.ndim <= 1 and not n.startswith("head")],
        "head": [p for n, p in named.items() if n.startswith("head")],
    }
    said: dict[str, dict[str, Any]] = {"matrix": {}, "vector": {"wd_mult": 0.0}, "head": head}
    common = {"max_lr": LR, "min_lr": FLOOR, "wd_mult": 1.0} | flags
    return [{"params": found} | common | said[part] for part, found in parts.items()]


def shape(floor: float) -> Any:
    return warmup(WARM, start=0.0).then(cosine(end=floor))


@pytest.mark.parametrize(
    ("head", "older"),
    [
        ({"max_lr": 5e-3, "min_lr": 1e-4}, False),
        ({"max_lr": 3e-4, "min_lr": 0.0}, False),
        ({"lr_mult": 0.25}, True),
    ],
    ids=["max_lr", "no floor", "lr_mult"],
)
def test_its_scheduler_and_ours_give_equal_rates_at_every_step(head: dict[str, Any], older: bool) -> None:  # noqa: FBT001  # a case
    model = Vit()
    groups = groups_of(model, **head)
    scaled: Any = "lr_mult" if older else "max_lr"
    recipe = megatron.read(
        groups, model, lr=LR, weight_decay=DECAY, min_lr=FLOOR, schedule=shape, scaled=scaled
    )
    plan = pg.plan(model, recipe, steps=STEPS)
    for step in range(STEPS):
        drive(groups, step, older=older)
        ours = plan.at(step)
        for name, (rate, decay) in held(groups, model).items():
            assert ours[name].lr == pytest.approx(rate, rel=1e-14, abs=1e-20)
            assert ours[name].weight_decay == decay


@pytest.mark.parametrize("scaled", ["max_lr", "lr_mult"])
def test_its_scheduler_drives_what_is_written_to_the_plans_rates(scaled: Any) -> None:
    model = Vit()
    rules = [pg.recipes.layer_decay(0.7), pg.recipes.no_decay(), pg.rule("head", weight_decay=0.02)]
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=LR, weight_decay=DECAY, rules=rules))
    groups = megatron.write(plan, min_lr=FLOOR, scaled=scaled)
    drive(groups, WARM, older=scaled == "lr_mult")
    assert held(groups, model) == planned(model, plan.recipe)
    back = megatron.read(groups, model, lr=LR, weight_decay=DECAY, scaled=scaled, schedule=shape)
    assert planned(model, back, steps=STEPS) == planned(model, plan.recipe)
    assert len({repr(rule.schedules) for rule in back.rules if rule.schedules}) == 1


def test_lr_mult_that_nobody_reads_any_more_is_refused() -> None:
    model = Vit()
    with pytest.raises(HostError, match=r"group 2 .* lr_mult=0.25, which Megatron-core no longer reads"):
        megatron.read(groups_of(model, lr_mult=0.25), model, lr=LR, weight_decay=DECAY)


def test_floors_without_a_schedule_are_told() -> None:
    model = Vit()
    with pytest.warns(UserWarning, match=r"min_lr is a floor of up to 0.333 of the rate"):
        recipe = megatron.read(groups_of(model, max_lr=3e-4), model, lr=LR, weight_decay=DECAY)
    assert pg.rule("head", lr=3e-4) in recipe.rules


def test_weight_decay_that_grows_is_refused() -> None:
    model = Vit()
    with pytest.raises(HostError, match=r"weight decay from 0.1 to 0.2"):
        megatron.read(groups_of(model, start_wd=0.1, end_wd=0.2), model, lr=LR, weight_decay=DECAY)


def test_a_weight_decay_of_a_groups_own_is_what_is_multiplied() -> None:
    model = Vit()
    groups = groups_of(model, start_wd=0.2, end_wd=0.2, wd_mult=0.5, min_lr=0.0)
    recipe = megatron.read(groups, model, lr=LR, weight_decay=DECAY, schedule=shape)
    assert planned(model, recipe, steps=STEPS)["head.weight"] == (LR, 0.2 * 0.5)


def test_other_optimizers_of_groups_are_refused() -> None:
    model = Vit()
    with pytest.raises(HostError, match="optimizer='muon', which nobody reads"):
        megatron.read(groups_of(model, optimizer="muon"), model, lr=LR, weight_decay=DECAY)


def test_copies_of_parameters_are_refused() -> None:
    model = Vit()
    groups = [{"params": [torch.nn.Parameter(p.detach().clone()) for p in model.parameters()]}]
    with pytest.raises(HostError, match="mixed precision, sharding"):
        megatron.read(groups, model, lr=LR, weight_decay=DECAY)


def test_a_weight_decay_is_no_multiple_of_none() -> None:
    model = Vit()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", weight_decay=0.1)]))
    with pytest.raises(HostError, match=r"0.1 is no multiple of the scheduler's, 0.*weight_decay="):
        megatron.write(plan)
    written = megatron.write(plan, weight_decay=0.1)
    assert {(group["name"], group["wd_mult"]) for group in written} == {("default", 0.0), ("head", 1.0)}
