"""Stop anywhere, go on, and nothing is another."""

import copy
from typing import Any

import pytest
import torch

import paramgroups as pg
from paramgroups.schedules import cosine, warmup
from tests.run.models import Net, net, same, train, update, values

STEPS = 30
RECIPES: dict[str, dict[str, Any]] = {
    "adamw": {"weight_decay": 0.1},
    "sgd": {"momentum": 0.9, "weight_decay": 0.01},
    "adagrad": {},
    "rmsprop": {"momentum": 0.9, "centered": True},
}


def recipe(optimizer: str) -> pg.Recipe:
    return pg.Recipe(
        optimizer=optimizer,
        lr=0.02,
        schedule=warmup(4).then(cosine(end=0.01)),
        rules=[
            pg.rule("head", lr_scale=10, group="head"),
            pg.rule("blocks.0", trainable=False, start=6, until=18),
            pg.rule("stem", trainable=False, until=12),
        ],
        **RECIPES[optimizer],
    )


def edit(scheduler: pg.Scheduler, step: int) -> None:
    """What is changed by hand in the course of the run."""
    if step == 5:
        scheduler.scale("head", 0.5)
    if step == 15:
        scheduler.set("stem", lr=0.01)
    if step == 22:
        scheduler.scale("head", 0.1)


def go_on(model: Net, optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler, steps: range) -> list[Any]:
    seen = []
    for step in steps:
        edit(scheduler, step)
        seen.append([group["lr"] for group in optimizer.param_groups])
        update(model.train(), optimizer, step)
        scheduler.step()
    return seen


def started(optimizer: str, seed: int = 0) -> tuple[Net, torch.optim.Optimizer, pg.Scheduler]:
    model = net(seed)
    return model, *pg.build(pg.plan(model, recipe(optimizer), steps=STEPS))


def saved(model: Net, optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler) -> tuple[Any, ...]:
    return copy.deepcopy((model.state_dict(), optimizer.state_dict(), scheduler.state_dict()))


@pytest.mark.parametrize("optimizer", sorted(RECIPES))
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)], ids=["optimizer first", "scheduler first"])
def test_a_run_that_stops_at_any_step_goes_on_bit_equal(optimizer: str, order: tuple[int, ...]) -> None:
    whole = started(optimizer)
    rates: list[Any] = []
    states: list[Any] = []
    for step in range(STEPS):
        states.append(saved(*whole))
        rates += go_on(*whole, range(step, step + 1))
    states.append(saved(*whole))
    for stop in range(STEPS):
        until = min(stop + 4, STEPS)
        parts = started(optimizer, seed=1)
        for place in order:
            parts[place].load_state_dict(states[stop][place])
        planned = [group["lr"] for group in parts[1].param_groups]
        assert planned == parts[2].get_last_lr() == states[stop][2]["_last_lr"]
        assert go_on(*parts, range(stop, until)) == rates[stop:until]
        assert same(states[until][0], values(parts[0]))


@pytest.mark.parametrize("when", ["optimizer first", "scheduler between", "scheduler first"])
def test_any_order_of_making_and_loading_gives_the_same_next_rate(when: str) -> None:
    model, optimizer, scheduler = started("adamw")
    train(model, optimizer, scheduler, range(15))
    _, theirs, ours = saved(model, optimizer, scheduler)
    other = net()
    plan = pg.plan(other, recipe("adamw"), steps=STEPS)
    made = torch.optim.AdamW(plan.param_groups())
    if when == "optimizer first":
        made.load_state_dict(theirs)
        clock = pg.Scheduler(made, plan)
        clock.load_state_dict(ours)
    elif when == "scheduler between":
        clock = pg.Scheduler(made, plan)
        made.load_state_dict(theirs)
        clock.load_state_dict(ours)
    else:
        clock = pg.Scheduler(made, plan)
        clock.load_state_dict(ours)
        made.load_state_dict(theirs)
    assert [group["lr"] for group in made.param_groups] == scheduler.get_last_lr()
    assert all(len(made.state[tensor]) == 3 for tensor in other.stem.parameters())
    update(other, made, 15)
    clock.step()
    assert clock.get_last_lr() == [plan.at(16)[group["param_names"][0]].lr for group in made.param_groups]


def of_rates(selector: str, other: str) -> tuple[Net, torch.optim.Optimizer, pg.Scheduler]:
    model = net()
    rules = [pg.rule(selector, lr_scale=2), pg.rule(other, lr_scale=3)]
    return model, *pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, rules=rules), steps=STEPS))


def test_groups_of_other_parameters_are_loaded_by_name() -> None:
    model, optimizer, _ = of_rates("stem.0 | blocks.0", "head")
    update(model, optimizer, 0)
    other, made, clock = of_rates("stem.0 | blocks.1", "head")
    made.load_state_dict(optimizer.state_dict())
    for name, param in other.named_parameters():
        assert torch.equal(
            made.state[param]["exp_avg"], optimizer.state[model.get_parameter(name)]["exp_avg"]
        )
    assert {group["name"]: group["lr"] for group in made.param_groups} == clock.rates


def test_groups_of_the_same_parameters_keep_the_plans_names() -> None:
    model, optimizer, scheduler = of_rates("blocks.0", "head")
    train(model, optimizer, scheduler, range(2))
    _, other, clock = of_rates("blocks.0.*", "head.*")
    other.load_state_dict(optimizer.state_dict())
    assert {group["name"]: group["lr"] for group in other.param_groups} == clock.rates
    assert set(clock.rates) == {"default", "blocks.0.*", "head.*"}
    assert len(other.state) == len(optimizer.state)


def test_a_run_goes_back_to_an_earlier_state(model: Net) -> None:
    optimizer, scheduler = pg.build(pg.plan(model, recipe("sgd"), steps=STEPS))
    train(model, optimizer, scheduler, range(4))
    before = saved(model, optimizer, scheduler)
    train(model, optimizer, scheduler, range(4, 20))
    end = values(model)
    model.load_state_dict(before[0])
    optimizer.load_state_dict(before[1])
    scheduler.load_state_dict(before[2])
    assert not model.stem[0].weight.requires_grad
    assert not model.train().stem[1].training
    train(model, optimizer, scheduler, range(4, 20))
    assert same(end, values(model))
