"""A run with every kind of decision in it stops at any step, goes on, and nothing is another."""

import io
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.control import plateau
from paramgroups.schedules import cosine, linear, warmup
from tests.run.histories import standing
from tests.run.models import Net, net, same, update, values

STEPS = 60
ADDED_AT = 20
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"weight_decay": 0.1, "schedules": {"beta1": linear(end=0.9)}},
    "sgd": {"momentum": 0.9, "weight_decay": 0.01, "schedules": {"momentum": linear(end=0.8)}},
}
LOSSES = {10: 1.0, 20: 0.9, 30: 0.9, 40: 0.9, 50: 0.9}

Parts = tuple[Net, torch.optim.Optimizer, pg.Scheduler]
States = tuple[Any, Any, Any]


def started(optimizer: str, *, tensors: bool = False, seed: int = 0) -> Parts:
    model = net(seed)
    recipe = pg.Recipe(
        optimizer=optimizer,
        lr=0.02,
        schedule=warmup(4).then(cosine(end=0.01)),
        rules=[
            pg.rule("head", lr_scale=10, group="head"),
            pg.rule("blocks.0", trainable=False, start=6, until=18),
            pg.rule("stem", trainable=False, until=12, clock="thaw", schedule=warmup(5).then(cosine())),
        ],
        controllers=[plateau("head", "val_loss", factor=0.5, patience=1)],
        **OPTIMIZERS[optimizer],
    )
    plan = pg.plan(model, recipe, steps=STEPS)
    if not tensors:
        return model, *pg.build(plan)
    groups = plan.param_groups()
    for group in groups:
        group["lr"] = torch.tensor(group["lr"])
    made = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[optimizer](groups)
    return model, made, pg.Scheduler(made, plan)


def decide(optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler, step: int) -> None:
    """What is decided before the update of a step."""
    first = optimizer.param_groups[0]
    if step == 5:
        scheduler.scale("head", 0.5)
    if step in (8, 27, 28):
        first["lr"] *= 0.7
    if step == 15:
        scheduler.set("stem", lr=0.01)
    if step == 23:
        scheduler.scale("blocks.0", 0.1, steps=20)
    if step == 33:
        first["weight_decay"] = 0.05
    if step == 36:
        scheduler.extend(steps=80)
    if step == 44 and "betas" in first:
        first["betas"] = (0.5, first["betas"][1])
    if step in LOSSES:
        scheduler.observe(val_loss=LOSSES[step])


def run(model: Net, optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler, step: int) -> None:
    update(model.train(), optimizer, step)
    scheduler.step()


def saved(parts: Parts) -> States:
    file = io.BytesIO()
    torch.save(tuple(part.state_dict() for part in parts), file)
    file.seek(0)
    loaded: States = torch.load(file, weights_only=True)
    return loaded


def unbroken(parts: Parts) -> tuple[list[States], list[Any], list[Any]]:
    """The states before each update, decisions of that step taken; what stood then; the weights after."""
    states, stood, after = [], [], []
    for step in range(STEPS):
        decide(parts[1], parts[2], step)
        states.append(saved(parts))
        stood.append(standing(parts[1]))
        run(*parts, step)
        after.append(values(parts[0]))
    return states, stood, after


@pytest.mark.parametrize("tensors", [False, True], ids=["numbers", "tensors"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)], ids=["optimizer first", "scheduler first"])
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_it_goes_on_bit_equal_from_every_step(
    optimizer: str, order: tuple[int, ...], *, tensors: bool
) -> None:
    whole = started(optimizer, tensors=tensors)
    states, stood, after = unbroken(whole)
    assert {event.action for event in whole[2].journal} == {"set", "scale", "write", "horizon"}
    assert any(event.cause.startswith("plateau") for event in whole[2].journal)
    for stop in range(STEPS):
        parts = started(optimizer, tensors=tensors, seed=1)
        for place in order:
            parts[place].load_state_dict(states[stop][place])
        assert standing(parts[1]) == stood[stop]
        ends = STEPS if stop % 20 == 7 else min(stop + 3, STEPS)
        for step in range(stop, ends):
            if step > stop:
                decide(parts[1], parts[2], step)
            run(*parts, step)
        assert same(after[ends - 1], values(parts[0]))
        if ends == STEPS:
            assert parts[2].journal == whole[2].journal
            assert standing(parts[1]) == standing(whole[1])


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("when", ["optimizer first", "scheduler first", "between"])
def test_a_group_that_was_added_comes_back(optimizer: str, when: str) -> None:
    def add(parts: Parts, extra: nn.Parameter) -> None:
        parts[1].add_param_group({"params": [("extra", extra)], "lr": 0.5, "name": "extra"})

    def go(parts: Parts, extra: nn.Parameter, steps: range) -> None:
        for step in steps:
            extra.grad = torch.full_like(extra, 0.1 * step)
            parts[1].step()
            parts[2].step()

    whole, extra = started(optimizer), nn.Parameter(torch.ones(3))
    for step in range(ADDED_AT):
        decide(*whole[1:], step)
        run(*whole, step)
    add(whole, extra)
    go(whole, extra, range(ADDED_AT, 40))
    whole[2].scale("extra", 0.5)
    whole[1].param_groups[-1]["weight_decay"] *= 0.5
    state, held, stood = saved(whole), extra.detach().clone(), standing(whole[1])
    go(whole, extra, range(40, STEPS))

    parts, other = started(optimizer), nn.Parameter(held)
    if when != "between":
        add(parts, other)
    places = (1, 2) if when == "optimizer first" else (2, 1)
    for place in places:
        parts[place].load_state_dict(state[place])
        if when == "between" and place == 2:
            add(parts, other)
    parts[2].state_dict()
    assert standing(parts[1]) == stood
    go(parts, other, range(40, STEPS))
    assert torch.equal(extra, other)
    assert parts[2].journal == whole[2].journal


def test_a_write_just_before_a_save_is_in_it() -> None:
    parts = started("sgd")
    for step in range(10):
        run(*parts, step)
    was = parts[1].param_groups[0]["lr"]
    parts[1].param_groups[0]["lr"] = was * 0.3
    states = saved(parts)
    for order in ((1, 2), (2, 1)):
        again = started("sgd")
        for place in order:
            again[place].load_state_dict(states[place])
        assert again[1].param_groups[0]["lr"] == was * 0.3
        assert [(event.action, event.new) for event in again[2].journal] == [("write", was * 0.3)]


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_making_and_loading_gives_the_next_rate(seed: int) -> None:
    whole = started("adamw")
    for step in range(30):
        decide(whole[1], whole[2], step)
        run(*whole, step)
    states = saved(whole)
    model = net(1)
    plan = pg.plan(model, whole[2].plan.given, steps=STEPS)
    made = torch.optim.AdamW(plan.param_groups())
    acts = ["load optimizer", "make scheduler", "load scheduler"]
    if seed % 2:
        acts = [
            "make scheduler",
            *(["load optimizer", "load scheduler"] if seed == 1 else ["load scheduler", "load optimizer"]),
        ]
    clock: Any = None
    for act in acts:
        if act == "make scheduler":
            clock = pg.Scheduler(made, plan)
        elif act == "load optimizer":
            made.load_state_dict(states[1])
        else:
            clock.load_state_dict(states[2])
    if seed == 2:
        made.load_state_dict(states[1])
    assert standing(made) == standing(whole[1])
    for parts in ((made, clock), whole[1:]):
        parts[0].step()
        parts[1].step()
    assert standing(made) == standing(whole[1])
