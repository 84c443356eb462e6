"""Groups that join, and rates that are edited: in plain torch, in numbers, and here."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim import lr_scheduler as torchs

import paramgroups as pg
from paramgroups.schedules import (
    Schedule,
    constant,
    cosine,
    cyclic,
    exponential,
    function,
    linear,
    one_cycle,
    step,
    warm_restarts,
)
from tests.pitfall_models import Net, net, planned, rates, train

Theirs = Callable[[SGD], torchs.LRScheduler]

ENOUGH = 10

PAIRS: dict[str, tuple[Theirs, Schedule]] = {
    "LambdaLR": (
        lambda o: torchs.LambdaLR(o, lambda t: 0.5**t),
        function("half", lambda t: 0.5**t, of="tick"),
    ),
    "WarmRestarts": (lambda o: torchs.CosineAnnealingWarmRestarts(o, T_0=5), warm_restarts(every=5)),
    "Cyclic": (
        lambda o: torchs.CyclicLR(o, 0.08, 0.8, step_size_up=4, cycle_momentum=False),
        cyclic(start=0.1, up=4),
    ),
    "OneCycle": (
        lambda o: torchs.OneCycleLR(o, 0.8, total_steps=ENOUGH, cycle_momentum=False),
        one_cycle(),
    ),
    "Sequential": (
        lambda o: torchs.SequentialLR(
            o, [torchs.ConstantLR(o, 0.5, 5), torchs.LambdaLR(o, lambda t: 0.5**t)], [5]
        ),
        constant(0.5, length=5).then(exponential(0.5)),
    ),
    "LinearLR": (
        lambda o: torchs.LinearLR(o, start_factor=0.1, total_iters=10),
        linear(start=0.1, end=1, length=10),
    ),
    "Cosine": (lambda o: torchs.CosineAnnealingLR(o, T_max=ENOUGH), cosine()),
    "Step": (lambda o: torchs.StepLR(o, 2, 0.5), step(0.5, every=2)),
    "Exponential": (lambda o: torchs.ExponentialLR(o, 0.5), exponential(0.5)),
}
"""Torch's scheduler, and what is equal to it here, on a rate of 0.8."""


@pytest.fixture
def model() -> Net:
    return net()


def bare() -> SGD:
    return SGD([nn.Parameter(torch.zeros(1))], lr=0.8, momentum=0.9)


def go(optimizer: SGD, scheduler: torchs.LRScheduler, ticks: int) -> None:
    for _ in range(ticks):
        optimizer.step()
        scheduler.step()


FAILURES = {
    "LambdaLR": ValueError,
    "WarmRestarts": ValueError,
    "Cyclic": ValueError,
    "Sequential": ValueError,
    "OneCycle": KeyError,
}


@pytest.mark.parametrize(("name", "error"), FAILURES.items(), ids=list(FAILURES))
def test_05_a_group_that_is_added_later_ends_the_run(name: str, error: type[Exception]) -> None:
    plain = bare()
    scheduler = PAIRS[name][0](plain)
    go(plain, scheduler, 3)
    plain.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "lr": 0.08})
    with pytest.raises(error):
        go(plain, scheduler, 7)


def test_05_a_group_that_is_added_later_is_driven_to_another_rate() -> None:
    plain = bare()
    scheduler = PAIRS["LinearLR"][0](plain)
    go(plain, scheduler, 3)
    plain.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "lr": 0.08})
    go(plain, scheduler, 7)
    assert rates(plain) == [pytest.approx(0.8), pytest.approx(0.08 / 0.37)]  # 2.7 times what was asked


@pytest.mark.parametrize("name", PAIRS)
def test_05_here_it_joins_at_its_rate_by_the_schedule(model: Net, name: str) -> None:
    optimizer, scheduler = pg.build(planned(model, lr=0.8, momentum=0.9, schedule=PAIRS[name][1]))
    train(model, optimizer, scheduler, 3)
    added = [("adapter.scale", nn.Parameter(torch.zeros(1)))]
    optimizer.add_param_group({"params": added, "lr": 0.08, "name": "adapter"})
    for _ in range(7):
        train(model, optimizer, scheduler, 1)
        first, joined = rates(optimizer)
        assert joined == pytest.approx(0.1 * first, rel=1e-15, abs=1e-20)
    assert scheduler.rates["adapter"] == rates(optimizer)[1]
    assert (scheduler.journal[0].action, scheduler.journal[0].step) == ("join", 3)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("LambdaLR", 1.0),
        ("WarmRestarts", 1.0),
        ("OneCycle", 1.0),
        ("Cosine", 0.1),
        ("Step", 0.1),
        ("Exponential", 0.1),
        ("LinearLR", 0.1),
    ],
    ids=str,
)
def test_14_an_edit_is_undone_or_kept_as_the_scheduler_likes(name: str, left: float) -> None:
    edited, other = bare(), bare()
    make = PAIRS[name][0]
    schedulers = make(edited), make(other)
    for _ in range(3):
        go(edited, schedulers[0], 1)
        go(other, schedulers[1], 1)
    edited.param_groups[0]["lr"] *= 0.1
    go(edited, schedulers[0], 1)
    go(other, schedulers[1], 1)
    assert rates(edited)[0] == pytest.approx(left * rates(other)[0])


def test_14_an_edit_of_each_step_compounds() -> None:
    plain = bare()
    scheduler = torchs.ExponentialLR(plain, 0.5)
    for _ in range(5):  # "the head at a tenth", said at every step
        plain.param_groups[0]["lr"] *= 0.1
        go(plain, scheduler, 1)
    assert rates(plain) == [pytest.approx(0.8 * 0.5**5 * 0.1**5)]


@pytest.mark.parametrize("how", ["scale", "set", "write", "write a number"])
@pytest.mark.parametrize(
    "name", ["LambdaLR", "WarmRestarts", "OneCycle", "Cosine", "Step", "Exponential", "LinearLR"]
)
def test_14_here_it_is_one_factor_on_top_also_after_a_resume(model: Net, name: str, how: str) -> None:
    plan = planned(model, pg.rule("head", lr_scale=10), lr=0.8, momentum=0.9, schedule=PAIRS[name][1])
    optimizer, scheduler = pg.build(plan)
    train(model, optimizer, scheduler, 3)
    edit(optimizer, scheduler, how)
    for tick in range(4, 7):
        train(model, optimizer, scheduler, 1)
        assert rates(optimizer) == edited_rates(plan, tick)

    state, time = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    other = net()
    later, clock = pg.build(plan, other)
    later.load_state_dict(state)
    clock.load_state_dict(time)
    assert rates(later) == rates(optimizer) == edited_rates(plan, 6)
    train(other, later, clock, 2)
    assert rates(later) == edited_rates(plan, 8)
    assert len(clock.journal) == 1


def edit(optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler, how: str) -> None:
    """Halve the head's rate."""
    group = optimizer.param_groups[1]
    if how == "scale":
        scheduler.scale("head", 0.5)
    elif how == "set":
        scheduler.set("head", lr=4.0)
    elif how == "write":
        group["lr"] *= 0.5
    else:
        group["lr"] = float(scheduler.rates["head"]) / 2


def edited_rates(plan: pg.Plan, tick: int) -> list[Any]:
    row = plan.at(tick)
    return [row["body.bias"].lr, pytest.approx(0.5 * row["head.bias"].lr, rel=1e-14, abs=1e-20)]
