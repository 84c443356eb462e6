"""Schedules are factors: the formulas of the design, beside torch's own schedulers."""

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, lr_scheduler

import paramgroups as pg
from paramgroups.schedules import (
    Schedule,
    constant,
    cosine,
    exponential,
    function,
    linear,
    polynomial,
    step,
    warmup,
)
from tests.acceptance.models import planned, small


def curve(schedule: Schedule, steps: int = 100, **horizon: Any) -> list[float]:
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, schedule=schedule)
    said: dict[str, Any] = horizon or {"steps": steps}
    found: list[float] = pg.plan(small(), recipe, **said).curve("0.weight", "lr")
    return found


def test_warmup_is_never_0() -> None:
    assert curve(warmup(4), 6) == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert curve(warmup(4, start=0.0), 6) == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]


def test_cosine_with_a_floor() -> None:
    found = curve(cosine(end=0.1))
    assert found == pytest.approx([0.1 + 0.9 * (1 + math.cos(math.pi * t / 100)) / 2 for t in range(100)])


def test_each_part_of_a_chain_counts_its_own_steps_and_one_fills_the_rest() -> None:
    found = curve(warmup("5%").then(cosine(end=0.01)), 200)
    assert found[:10] == pytest.approx([(t + 1) / 10 for t in range(10)])
    assert found[10:] == pytest.approx(
        [0.01 + 0.99 * (1 + math.cos(math.pi * t / 190)) / 2 for t in range(190)]
    )
    assert curve(constant(0.5).then(linear(length=50)), 100)[48:52] == [0.5, 0.5, 1.0, 0.98]


TORCHS = {
    "cosine": (cosine(end=0.05), lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=100, eta_min=0.05)),
    "step": (step(0.3, every=30), lambda o: lr_scheduler.StepLR(o, 30, 0.3)),
    "exponential": (exponential(0.95), lambda o: lr_scheduler.ExponentialLR(o, 0.95)),
    "polynomial": (polynomial(power=2), lambda o: lr_scheduler.PolynomialLR(o, 100, power=2)),
    "linear": (
        linear(start=0.2, end=0.9),
        lambda o: lr_scheduler.LinearLR(o, start_factor=0.2, end_factor=0.9, total_iters=100),
    ),
    "lambda": (
        function("inverse", lambda u: 1 / (1 + u)),
        lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t / 100)),
    ),
}


@pytest.mark.filterwarnings("ignore:Detected call:UserWarning")
@pytest.mark.parametrize(("ours", "theirs"), TORCHS.values(), ids=TORCHS)
def test_the_same_as_torchs(ours: Schedule, theirs: type[lr_scheduler.LRScheduler]) -> None:
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = theirs(optimizer)
    wanted = []
    for _ in range(100):
        wanted.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    assert curve(ours) == pytest.approx(wanted, abs=1e-12)


def test_a_tick_is_an_update_or_an_epoch() -> None:
    assert curve(linear(), epochs=4) == [1.0, 0.75, 0.5, 0.25]
    assert curve(linear(), epochs=2, steps_per_epoch=2) == [1.0, 0.75, 0.5, 0.25]
    assert curve(warmup("2 epochs"), epochs=4, steps_per_epoch=2) == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    assert curve(warmup(2), epochs=4) == [0.5, 1, 1, 1]


@pytest.mark.parametrize("length", [0.05, 5.0, "5", "five%", -1, True, "5 weeks"])
def test_what_is_no_length_is_refused(length: object) -> None:
    with pytest.raises(pg.ParamGroupsError):
        warmup(length)  # type: ignore[arg-type]  # a wrong call
    with pytest.raises(pg.ParamGroupsError):
        pg.rule("0", lr=1.0, until=length)  # type: ignore[arg-type]  # a wrong call


def test_a_schedule_is_frozen_with_an_equality_and_a_repr_that_pastes_back() -> None:
    chain = warmup("5%").then(cosine(end=0.01))
    assert chain == warmup("5%").then(cosine(end=0.01)) != warmup("5%").then(cosine(end=0.02))
    assert repr(chain) == "warmup('5%').then(cosine(end=0.01))"
    assert eval(repr(chain), {"warmup": warmup, "cosine": cosine}) == chain  # noqa: S307  # it is promised
    assert len({chain, warmup("5%").then(cosine(end=0.01))}) == 1
    shape = cosine()
    with pytest.raises(FrozenInstanceError):
        shape.end = 0.5  # type: ignore[misc]  # it is frozen


def test_other_hyperparameters_have_schedules_of_their_own() -> None:
    plan = planned(
        schedules={"weight_decay": linear(), "beta1": linear(start=1.0, end=0.5)}, weight_decay=0.2
    )
    row = plan.at(50)["0.weight"]
    assert (row.lr, row.weight_decay, round(row.beta1, 12)) == (0.1, 0.1, 0.675)


def test_preview_is_what_is_applied() -> None:
    model = small()
    plan = planned(
        pg.rule("2", lr_scale=10),
        pg.rule("0", lr_scale=0.1, start=3, until=7),
        model=model,
        steps=12,
        schedule=warmup(3).then(cosine(end=0.1)),
        schedules={"weight_decay": linear()},
    )
    optimizer, scheduler = pg.build(plan)
    for tick in range(12):
        for group in optimizer.param_groups:
            for name in group["param_names"]:
                row = plan.at(tick)[name]
                assert (group["lr"], group["weight_decay"], group["betas"]) == (
                    row.lr,
                    row.weight_decay,
                    row.betas,
                )
        optimizer.step()
        scheduler.step()


def test_groups_keep_their_ratios_and_a_floor_is_a_ratio() -> None:
    plan = planned(pg.rule("2", lr_scale=1000), lr=1e-6, schedule=cosine(end=0.01))
    ratios = {round(plan.at(t)["2.weight"].lr / plan.at(t)["0.weight"].lr, 9) for t in range(0, 140, 7)}
    assert ratios == {1000}
    assert plan.at(100)["0.weight"].lr == pytest.approx(1e-8)
