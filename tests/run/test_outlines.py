"""A step in which torch.distributed.checkpoint finds the shape of the state is no update to a scheduler."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    _init_optim_state,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)

import paramgroups as pg
from paramgroups.control import spike

DECAYS = ("adamw", "lion", "sgd", "AdamW", "SGD")
"""Ours, and torch's own classes."""


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))


def recipe_of(optimizer: str = "adamw", **said: Any) -> pg.Recipe:
    return pg.Recipe(optimizer=optimizer, lr=0.1, weight_decay=0.1, **said)


def update(model: nn.Module, optimizer: Any, scheduler: pg.Scheduler) -> None:
    model(torch.ones(2, 4)).square().mean().backward()
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("name", DECAYS)
def test_it_is_no_update_no_edit_and_no_tick(name: str) -> None:
    model = network()
    plan = pg.plan(model, recipe_of(name.lower(), schedule=pg.schedules.linear()), steps=10)
    if hasattr(torch.optim, name):
        optimizer: Any = getattr(torch.optim, name)(plan.param_groups())
        scheduler = pg.Scheduler(optimizer, plan)
    else:
        optimizer, scheduler = pg.build(plan, backend="torch")
    before, told = [one.clone() for one in model.parameters()], scheduler.state_dict()
    _init_optim_state(optimizer)
    assert scheduler.state_dict() == told
    assert all(map(torch.equal, before, model.parameters()))
    with pytest.warns(UserWarning, match="before the first"):
        scheduler.step()


def test_decay_that_is_independent_of_the_rate_moves_nothing() -> None:
    """The factor of such a decay is divided by the rate, which is 0 in that step."""
    model = network()
    rule = pg.rule("**", decay="independent")
    optimizer, scheduler = pg.build(pg.plan(model, recipe_of(rules=[rule]), steps=10), backend="torch")
    before = [one.clone() for one in model.parameters()]
    _init_optim_state(optimizer)
    assert all(map(torch.equal, before, model.parameters()))
    assert not scheduler.journal
    update(model, optimizer, scheduler)
    assert not scheduler.journal


def test_guards_have_seen_nothing() -> None:
    """Plain SGD remembers nothing, so it is asked at each save, in the midst of a run."""
    model = network()
    recipe = recipe_of("sgd", controllers=[spike(least=2)])
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=10), backend="torch")
    for _ in range(3):
        update(model, optimizer, scheduler)
    before = scheduler.state_dict()
    for _ in range(3):
        get_optimizer_state_dict(model, optimizer)
    assert scheduler.state_dict() == before


def test_what_is_frozen_has_no_state() -> None:
    """By flags it has no gradient; by masks that is cleared, also here."""
    for how in ("flags", "masks"):
        model = network()
        plan = pg.plan(model, recipe_of(rules=[pg.rule("0", trainable=False, until=3)]), steps=10)
        optimizer, _ = pg.build(plan, backend="torch", freezing=how)
        _init_optim_state(optimizer)
        assert set(optimizer.state) == set(model[1].parameters())


def test_what_is_remembered_through_a_freeze_has_one() -> None:
    """By masks; what has no flag torch passes over."""
    model = network()
    rule = pg.rule("0", trainable=False, start=1, until=4, moments="keep")
    plan = pg.plan(model, recipe_of(rules=[rule]), steps=10)
    optimizer, scheduler = pg.build(plan, backend="torch", freezing="masks")
    update(model, optimizer, scheduler)
    options = StateDictOptions(flatten_optimizer_state_dict=True)
    saved = copy.deepcopy(get_optimizer_state_dict(model, optimizer, options=options))
    again, others = pg.build(plan, model, backend="torch", freezing="masks")
    others.load_state_dict(scheduler.state_dict())
    assert get_optimizer_state_dict(model, again, options=options).keys() == saved.keys()
    set_optimizer_state_dict(model, again, saved, options=options)
    for param in model.parameters():
        assert torch.equal(again.state[param]["exp_avg"], optimizer.state[param]["exp_avg"])
