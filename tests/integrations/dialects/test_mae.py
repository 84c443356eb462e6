"""MAE's and BEiT's groups, made and driven by slow twins of their loops, as their code describes them."""

from math import cos, pi
from typing import Any

import pytest
import torch

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.dialects import beit, mae
from paramgroups.schedules import cosine, warmup
from tests.integrations.dialects.cases import Vit, held, planned

LR, DECAY, FLOOR = 1e-3, 0.05, 1e-5


def layer_of(name: str, top: int) -> int:
    """The input's level is 0, block k's k + 1, the rest's the top."""
    first, *rest = name.split(".")
    if first in ("cls_token", "pos_embed", "patch_embed"):
        return 0
    return int(rest[0]) + 1 if first == "blocks" else top


def groups_of(model: Vit, decay: float = 0.75) -> list[dict[str, Any]]:
    """A group for each level and kind, vectors without weight decay."""
    top = len(model.blocks) + 1
    found: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, tensor in model.named_parameters():
        key = layer_of(name, top), tensor.ndim == 1
        fresh = {"lr_scale": decay ** (top - key[0]), "weight_decay": 0.0 if key[1] else DECAY, "params": []}
        found.setdefault(key, fresh)["params"].append(tensor)
    return list(found.values())


def drive(groups: list[dict[str, Any]], rate: float) -> None:
    for group in groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)


def rate_at(epoch: int, warm: int, epochs: int) -> float:
    if epoch < warm:
        return LR * epoch / warm
    return FLOOR + (LR - FLOOR) * 0.5 * (1 + cos(pi * (epoch - warm) / (epochs - warm)))


def test_maes_layer_decay_is_ours() -> None:
    model = Vit()
    groups = groups_of(model)
    recipe = mae.read(groups, model, lr=LR)
    drive(groups, LR)
    assert planned(model, recipe) == held(groups, model)
    assert "LayerDecay(decay=0.75)" in repr(recipe)
    assert len(recipe.to_toml().splitlines()) < 30


def test_maes_loop_and_our_schedule_give_equal_rates_at_every_epoch() -> None:
    model = Vit()
    optimizer = torch.optim.AdamW(groups_of(model), lr=LR)
    shape = warmup(4, start=0.0).then(cosine(end=FLOOR / LR))
    rules = mae.read(optimizer, model, lr=LR).rules
    plan = pg.plan(
        model, pg.Recipe(optimizer="adamw", lr=LR, weight_decay=DECAY, rules=rules, schedule=shape), epochs=20
    )
    for epoch in range(20):
        drive(optimizer.param_groups, rate_at(epoch, 4, 20))
        theirs, ours = held(optimizer.param_groups, model), plan.at(epoch)
        for name, (rate, decay) in theirs.items():
            assert ours[name].lr == pytest.approx(rate, rel=1e-14, abs=1e-20)
            assert ours[name].weight_decay == decay


def test_maes_loop_drives_what_is_written_to_the_plans_rates() -> None:
    model = Vit()
    rules = [pg.recipes.layer_decay(0.65), pg.rule("head", lr_scale=10), pg.recipes.no_decay()]
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=LR, weight_decay=DECAY, rules=rules))
    optimizer = torch.optim.AdamW(mae.write(plan), lr=LR)
    drive(optimizer.param_groups, LR)
    assert held(optimizer.param_groups, model) == planned(model, plan.recipe)


def test_maes_loop_writes_over_rates_of_groups_and_that_is_told() -> None:
    model = Vit()
    groups = groups_of(model)
    groups[0]["lr"], groups[1]["lr"] = 0.1, 0.2
    with pytest.warns(UserWarning, match="mae.read: groups have lr from 0.1 to 0.2, and the loop writes"):
        recipe = mae.read(groups, model, lr=LR)
    assert recipe.lr == LR


def beits_loop(groups: list[dict[str, Any]], rate: float, decay: float) -> None:
    for group in groups:
        group["lr"] = rate * group["lr_scale"]
        if group["weight_decay"] > 0:
            group["weight_decay"] = decay


def test_beits_loop_writes_one_weight_decay_over_all_that_have_any() -> None:
    model = Vit()
    groups = groups_of(model)
    groups[2]["weight_decay"] = 0.3
    with pytest.warns(
        UserWarning, match=r"weight_decay=0\.3 stands in groups, and the loop writes 0\.05 over it"
    ):
        recipe = beit.read(groups, model, lr=LR, weight_decay=DECAY)
    beits_loop(groups, LR, DECAY)
    assert planned(model, recipe) == held(groups, model)


def test_beits_loop_drives_what_is_written_to_the_plans_rates() -> None:
    model = Vit()
    rules = [pg.recipes.layer_decay(0.65), pg.recipes.no_decay()]
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=LR, weight_decay=DECAY, rules=rules))
    optimizer = torch.optim.AdamW(beit.write(plan), lr=LR)
    beits_loop(optimizer.param_groups, LR, DECAY)
    assert held(optimizer.param_groups, model) == planned(model, plan.recipe)
    back = beit.read(optimizer.param_groups, model, lr=LR, weight_decay=DECAY)
    assert planned(model, back) == planned(model, plan.recipe)


def test_two_weight_decays_cannot_be_said_to_beit() -> None:
    model = Vit()
    recipe = pg.Recipe(optimizer="adamw", lr=LR, weight_decay=0.1, rules=[pg.rule("head", weight_decay=0.2)])
    with pytest.raises(
        HostError, match=r"one weight decay over all that are not 0, and the plan has 0\.1 and 0\.2"
    ):
        beit.write(pg.plan(model, recipe))


@pytest.mark.parametrize("key", ["lr_scale", "weight_decay"])
def test_a_group_by_which_beits_loop_would_fail_is_refused(key: str) -> None:
    model = Vit()
    groups = groups_of(model)
    del groups[1][key]
    with pytest.raises(HostError, match=f"group 1 .* has no {key}, without which"):
        beit.read(groups, model, lr=LR, weight_decay=DECAY)
