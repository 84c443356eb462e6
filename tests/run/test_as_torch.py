"""pg.Scheduler on a real optimizer beside torch's schedulers: every group, every step, to 1e-9."""

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as torchs

import paramgroups as pg
from paramgroups.schedules import cyclic, one_cycle
from tests.schedules.test_torch import EACH, EPOCH, STEPPED
from tests.schedules.theirs import BASES, STEPS, Made, adam, driven, rates, sgd

Values = list[list[float]]


def model() -> nn.ModuleList:
    """A parameter for each of the three groups."""
    return nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in BASES)


def ours(bases: tuple[float, ...] = BASES, hyper: str = "lr", **settings: Any) -> Values:
    """What stands in each group at each of 300 steps, by training with our scheduler."""
    rules = [pg.rule(str(place), lr=base, group=f"group {place}") for place, base in enumerate(bases)]
    asked: dict[str, Any] = {"optimizer": "sgd", "lr": 1.0, "rules": rules} | settings
    recipe = pg.Recipe(**asked)
    net = model()
    optimizer, scheduler = pg.build(pg.plan(net, recipe, steps=STEPS))
    found: Values = [[] for _ in bases]
    for _ in range(STEPS):
        for group, values in zip(optimizer.param_groups, found, strict=False):
            values.append(group["betas"][0] if hyper == "beta1" else group[hyper])
        optimizer.step()
        scheduler.step()
    return found


def assert_equal(mine: Values, theirs: Values) -> None:
    for one, other in zip(mine, theirs, strict=True):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9)


@pytest.mark.filterwarnings(EPOCH)
@pytest.mark.parametrize("name", STEPPED)
def test_the_rate_of_each_group_is_theirs(name: str) -> None:
    schedule, make = STEPPED[name]
    assert_equal(ours(schedule=schedule), rates(make))


@pytest.mark.parametrize("name", EACH)
def test_a_floor_is_a_share_of_each_groups_own_rate(name: str) -> None:
    schedule, make = EACH[name]
    theirs = [rates(make(base), (base,))[0] for base in BASES]
    assert_equal(ours(schedule=schedule), theirs)


@pytest.mark.parametrize("hyper", ["momentum", "beta1"])
def test_one_cycle_with_its_momentum(hyper: str) -> None:
    def theirs(optimizer: torch.optim.Optimizer) -> Any:
        return torchs.OneCycleLR(optimizer, list(BASES), total_steps=STEPS)

    settings: dict[str, Any] = {"schedule": one_cycle()}
    settings["schedules"] = {hyper: one_cycle(start=1, peak=0.85 / 0.95, end=1)}
    _compare_momentum(hyper, theirs, settings, base=0.95)


@pytest.mark.parametrize("hyper", ["momentum", "beta1"])
def test_cyclic_with_its_momentum(hyper: str) -> None:
    def theirs(optimizer: torch.optim.Optimizer) -> Any:
        lowest = [0.1 * base for base in BASES]
        return torchs.CyclicLR(optimizer, lowest, list(BASES), 40, 10, base_momentum=0.8, max_momentum=0.9)

    settings: dict[str, Any] = {"schedule": cyclic(start=0.1, up=40, down=10)}
    settings["schedules"] = {hyper: cyclic(start=1, peak=0.8 / 0.9, up=40, down=10)}
    _compare_momentum(hyper, theirs, settings, base=0.9)


def _compare_momentum(hyper: str, theirs: Made, settings: dict[str, Any], *, base: float) -> None:
    settings |= {"optimizer": "sgd" if hyper == "momentum" else "adam", hyper: base}
    if hyper == "beta1":
        settings["beta2"] = 0.999
    assert_equal(ours(**settings), driven(theirs, _torchs(hyper), lambda group: group["lr"]))

    def read(group: dict[str, Any]) -> float:
        value: float = group["betas"][0] if hyper == "beta1" else group[hyper]
        return value

    assert_equal(ours(hyper=hyper, **settings), driven(theirs, _torchs(hyper), read))


def _torchs(hyper: str) -> torch.optim.Optimizer:
    return sgd(momentum=0.9) if hyper == "momentum" else adam()


@pytest.mark.parametrize("mode", ["min", "max"])
def test_reduce_on_plateau(mode: Any) -> None:
    metrics = [1 / (1 + t / 50) + 0.05 * math.sin(7 * t) for t in range(STEPS)]
    theirs = sgd()
    plateau = torchs.ReduceLROnPlateau(
        theirs, mode=mode, factor=0.5, patience=4, cooldown=2, min_lr=[base / 100 for base in BASES], eps=0.0
    )
    rules = [pg.rule(str(place), lr=base, group=f"group {place}") for place, base in enumerate(BASES)]
    control = pg.control.plateau("**", "loss", mode=mode, factor=0.5, patience=4, cooldown=2, floor=0.01)
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, rules=rules, controllers=[control])
    net = model()
    optimizer, scheduler = pg.build(pg.plan(net, recipe, epochs=STEPS))
    for metric in metrics:
        for other in (theirs, optimizer):
            other.step()
        plateau.step(metric)
        scheduler.observe(loss=metric)
        scheduler.step()
        for mine, other_group in zip(optimizer.param_groups, theirs.param_groups, strict=True):
            assert mine["lr"] == pytest.approx(other_group["lr"], rel=1e-9)
    cuts = sorted({event.step for event in scheduler.journal})
    assert len(cuts) >= 5
    assert scheduler.rates["group 0"] == pytest.approx(BASES[0] / 100)


def test_a_scalar_floor_raises_torchs_small_groups_and_keeps_ours_in_ratio() -> None:
    theirs = rates(lambda o: torchs.CosineAnnealingLR(o, T_max=STEPS, eta_min=1e-3))
    assert theirs[2][-1] > theirs[2][0]
    mine = ours(schedule=pg.schedules.cosine(end=1e-3 / BASES[0]))
    assert [group[-1] / mine[0][-1] for group in mine] == pytest.approx([b / BASES[0] for b in BASES])
