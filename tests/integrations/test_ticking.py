"""A scheduler that is stepped also where there was no update."""

from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.integrations.ticking import UpdateScheduler

RECIPE = pg.Recipe(optimizer="sgd", lr=1.0, schedule=pg.schedules.linear())


def made(**length: Any) -> UpdateScheduler:
    model = nn.Linear(2, 1)
    plan = pg.plan(model, RECIPE, **length)
    optimizer, _ = pg.build(plan)
    return UpdateScheduler(optimizer, plan, model)


def test_it_goes_on_once_for_each_update() -> None:
    scheduler = made(steps=4)
    for updates in (0, 1, 1, 0, 1):
        for _ in range(updates):
            scheduler.optimizer.step()
        scheduler.step()
        scheduler.step()
    assert scheduler.last_epoch == 3
    assert scheduler.rates == {"default": 0.25}


def test_where_a_tick_is_an_epoch_each_call_is_one() -> None:
    scheduler = made(epochs=4)
    scheduler.optimizer.step()
    scheduler.step()
    scheduler.step()
    assert scheduler.last_epoch == 2


def test_it_goes_to_a_tick_that_is_named() -> None:
    scheduler = made(steps=4)
    scheduler.optimizer.step()
    scheduler.step()
    scheduler.step(3)
    assert scheduler.rates == {"default": 0.25}


def test_one_that_is_not_stepped_is_told_all_the_same() -> None:
    scheduler = made(steps=40)
    for _ in range(10):
        scheduler.optimizer.step()
    with pytest.raises(PlanError, match="a tick is an update"):
        scheduler.optimizer.step()


def test_it_goes_on_where_a_saved_one_stood() -> None:
    one, other = made(steps=4), made(steps=4)
    one.optimizer.step()
    one.step()
    one.optimizer.step()
    other.load_state_dict(one.state_dict())
    for scheduler in (one, other):
        scheduler.step()
        scheduler.step()
    assert one.last_epoch == other.last_epoch == 2
    assert torch.equal(torch.tensor(one.get_last_lr()), torch.tensor(other.get_last_lr()))


@pytest.mark.parametrize("fused", [False, True], ids=["ours", "torch's"])
def test_an_update_that_a_gradient_scaler_leaves_out_is_none(*, fused: bool) -> None:
    model = nn.Linear(2, 1)
    plan = pg.plan(model, RECIPE, steps=8)
    theirs = torch.optim.SGD(plan.param_groups(), lr=1.0, fused=True)
    optimizer = theirs if fused else pg.build(plan)[0]
    scheduler = UpdateScheduler(optimizer, plan, model)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for overflow in (True, True, False, True, False, False):
        optimizer.zero_grad()
        scaler.scale(model(torch.ones(1, 2)).sum()).backward()
        if overflow:
            model.weight.grad = torch.full((1, 2), torch.inf)
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
    assert scheduler.last_epoch == 3
