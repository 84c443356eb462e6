"""A guarded run with faults in it stops at any step, goes on, and nothing is another."""

import copy
import io
import math
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.control import divergence, nonfinite, plateau, ratio, rollback, spike
from paramgroups.schedules import cosine, warmup
from tests.run.histories import standing
from tests.run.models import Net, loss_at, net, same, values

STEPS = 40
FAULTS = {7: math.nan, 15: 1e3, 16: 1e3, 22: math.inf, 28: math.nan, 29: math.nan}
BAD_LOSSES = {19: math.nan, 34: 50.0}
METRICS = {10: 1.0, 20: 0.9, 30: 0.9, 35: 0.9}

Parts = tuple[Net, torch.optim.Optimizer, pg.Scheduler]
States = tuple[Any, ...]


def started(seed: int = 0) -> Parts:
    model = net(seed)
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.02,
        clip_norm=1.0,
        schedule=warmup(4).then(cosine(end=0.01)),
        rules=[
            pg.rule("head", lr_scale=10, group="head"),
            pg.rule("stem", trainable=False, until=12, rewarm=3),
            pg.rule("blocks.0", trainable=False, start=17, until=24, moments="keep"),
        ],
        controllers=[
            plateau("head", "val_loss", factor=0.5, patience=1),
            nonfinite(metric="loss"),
            spike(least=5, patience=3),
            spike(metric="loss", least=5),
            ratio("head", high=0.1, patience=0),
            divergence(least=4, patience=1),
            rollback(after=2, every=4, factor=0.8),
        ],
    )
    return model, *pg.build(pg.plan(model, recipe, steps=STEPS))


def run(parts: Parts, step: int) -> None:
    model, optimizer, scheduler = parts
    model.train()
    optimizer.zero_grad()
    loss = loss_at(model, step)
    loss.backward()
    scheduler.observe(loss=BAD_LOSSES.get(step, loss.detach()))
    if step in METRICS:
        scheduler.observe(val_loss=METRICS[step])
    if step == 13:
        scheduler.scale("head", 30)
    if step in FAULTS:
        for param in model.parameters():
            if param.grad is not None:
                param.grad.mul_(FAULTS[step])
    optimizer.step()
    scheduler.step()


def saved(parts: Parts, order: tuple[int, ...]) -> States:
    states: list[Any] = [None] * 3
    for place in order:
        states[place] = parts[place].state_dict()
    file = io.BytesIO()
    torch.save(tuple(states), file)
    file.seek(0)
    return torch.load(file, weights_only=True)  # type: ignore[no-any-return]  # torch's own


def resumed(states: States, order: tuple[int, ...]) -> Parts:
    parts = started(seed=1)
    for place in order:
        parts[place].load_state_dict(states[place])
    return parts


def all_of(parts: Parts) -> list[Any]:
    _, optimizer, scheduler = parts
    held = [param for group in optimizer.param_groups for param in group["params"]]
    remembered = [dict(optimizer.state.get(param, {})) for param in held]
    told = [remembered, standing(optimizer), list(scheduler.journal), scheduler.state_dict()["feedback"]]
    return copy.deepcopy(told)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@pytest.fixture(scope="module")
def unbroken() -> list[tuple[dict[str, torch.Tensor], list[Any]]]:
    parts, told = started(), []
    for step in range(STEPS):
        run(parts, step)
        told.append((values(parts[0]), all_of(parts)))
    return told


def test_the_run_has_every_kind_of_decision_in_it() -> None:
    parts = started()
    for step in range(STEPS):
        run(parts, step)
    found = {(event.cause.split("(")[0], event.action) for event in parts[2].journal}
    assert found >= {
        ("nonfinite", "skip"), ("spike", "skip"), ("ratio", "scale"), ("rollback", "rollback"),
        ("rollback", "scale"), ("plateau", "scale"), ("scale", "scale"),
    }  # fmt: skip
    assert all(tensor.isfinite().all() for tensor in values(parts[0]).values())


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)], ids=["scheduler last", "scheduler first"])
@pytest.mark.parametrize("stop", range(1, STEPS, 3))
def test_a_stop_after_any_step(stop: int, order: tuple[int, ...], unbroken: list[Any]) -> None:
    parts = started()
    for step in range(stop):
        run(parts, step)
    again = resumed(saved(parts, order), order)
    assert isinstance(again[0], nn.Module)
    for step in range(stop, min(stop + 12, STEPS)):
        run(again, step)
        weights, rest = unbroken[step]
        assert same(weights, values(again[0])), f"step {step}"
        assert equal(rest, all_of(again)), f"step {step}"
