"""Other libraries' schedulers, stepped on a real optimizer."""

from collections.abc import Callable
from typing import Any

import torch

from paramgroups.schedules import Horizon, Schedule

STEPS = 300
BASES = (0.5, 0.05, 3e-4)
Made = Callable[[torch.optim.Optimizer], Any]


def sgd(bases: tuple[float, ...] = BASES, momentum: float = 0.0) -> torch.optim.Optimizer:
    """SGD with a group for each base rate."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": base} for base in bases]
    return torch.optim.SGD(groups, lr=bases[0], momentum=momentum)


def adam(bases: tuple[float, ...] = BASES) -> torch.optim.Optimizer:
    """Adam with a group for each base rate."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": base} for base in bases]
    return torch.optim.Adam(groups, lr=bases[0])


def driven(
    make: Made, optimizer: torch.optim.Optimizer, read: Callable[[dict[str, Any]], float]
) -> list[list[float]]:
    """What is read from each group at each of 300 steps, by stepping there."""
    scheduler = make(optimizer)
    found: list[list[float]] = [[] for _ in optimizer.param_groups]
    for _ in range(STEPS):
        for group, values in zip(optimizer.param_groups, found, strict=True):
            values.append(float(read(group)))
        optimizer.step()
        scheduler.step()
    return found


def rates(make: Made, bases: tuple[float, ...] = BASES) -> list[list[float]]:
    """The rate of each group at each of 300 steps."""
    return driven(make, sgd(bases), lambda group: group["lr"])


def ours(schedule: Schedule, bases: tuple[float, ...] = BASES) -> list[list[float]]:
    """The same by our factor."""
    at = schedule.over(Horizon.of(steps=STEPS))
    factors = [at(t) for t in range(STEPS)]
    return [[base * factor for factor in factors] for base in bases]
