"""Random faults in a real training: each is held back, and no good update is."""

import math
import random
from typing import Any

import torch

import paramgroups as pg
from paramgroups.control import nonfinite, spike
from tests.run.models import Net, loss_at, net

SCHEDULES, STEPS, LEARNED = 100, 48, 16
"""So many random schedules of faults; spikes come after the guard has seen so many updates."""


def faults_of(seed: int) -> dict[int, str]:
    """A NaN in one gradient or in the loss at any step, and three equal spikes in a row later."""
    draw = random.Random(seed)  # noqa: S311  # faults are no secret
    start = draw.randrange(LEARNED + 4, STEPS - 3)
    found = dict.fromkeys(range(start, start + 3), "spike")
    for step in draw.sample(range(STEPS), 4):
        found.setdefault(step, draw.choice(["gradient", "loss", "infinity"]))
    return found


def do(fault: str | None, model: Net, draw: random.Random) -> None:
    grads = [param.grad for param in model.parameters() if param.grad is not None]
    if fault == "spike":
        for grad in grads:
            grad.mul_(100.0)
    elif fault in ("gradient", "infinity"):
        grad = draw.choice(grads).view(-1)
        grad[draw.randrange(len(grad))] = math.nan if fault == "gradient" else -math.inf


def trained(faults: dict[int, str], seed: int) -> tuple[set[int], bool]:
    """The updates that were left out, and whether all was finite after each."""
    draw = random.Random(seed)  # noqa: S311  # faults are no secret
    model = net(seed % 5)
    guards = [nonfinite(metric="loss"), spike(least=LEARNED)]
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, controllers=guards)
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=STEPS))
    finite = True
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_at(model, step)
        loss.backward()
        scheduler.observe(loss=math.nan if faults.get(step) == "loss" else loss.detach())
        do(faults.get(step), model, draw)
        optimizer.step()
        scheduler.step()
        finite &= all(tensor.isfinite().all() for tensor in held(model, optimizer))
    return {int(event.step) for event in scheduler.journal if event.action == "skip"}, finite


def held(model: Net, optimizer: pg.Optimizer) -> list[Any]:
    states = [one for state in optimizer.state.values() for one in state.values()]
    return [*model.parameters(), *(one for one in states if isinstance(one, torch.Tensor))]


def test_both_kinds_of_mistake_over_random_schedules_of_faults() -> None:
    let_through = refused = bad = 0
    for seed in range(SCHEDULES):
        faults = faults_of(seed)
        left_out, finite = trained(faults, seed)
        assert finite
        bad += len(faults)
        let_through += len(faults.keys() - left_out)
        refused += len(left_out - faults.keys())
    assert bad > 600
    assert (let_through, refused) == (0, 0)
