"""What is told of a function from its code."""

import random
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch

from paramgroups.auditing.timing.functions import reach

MILESTONES = [30, 60]
CALLS = 0


def counted(epoch: int) -> float:
    global CALLS  # noqa: PLW0603  # it is what a user might write
    CALLS += 1
    return 0.9**epoch


def with_a_cell() -> Callable[[int], float]:
    calls = 0

    def factor(epoch: int) -> float:
        nonlocal calls
        calls += 1
        return 0.9**epoch

    return factor


def with_a_cell_of_its_own() -> Callable[[int], float]:
    def factor(epoch: int) -> float:
        total = 0
        return sum(total + one for one in range(epoch))

    return factor


def over(held: Any) -> Callable[[int], float]:
    return lambda epoch: float(epoch if held is None else 1)


class Run:
    """An object whose method is a function of a schedule."""

    def __init__(self) -> None:
        self.warm, self.calls = 10, 0

    def factor(self, epoch: int) -> float:
        return min(1.0, epoch / self.warm)

    def counting(self, epoch: int) -> float:
        return self._count() * epoch

    def _count(self) -> int:
        self.calls += 1
        return 1


@pytest.mark.parametrize(
    "function",
    [
        counted,
        with_a_cell(),
        lambda epoch: counted(epoch),  # noqa: PLW0108  # one step away
        partial(lambda calls, epoch: calls.append(epoch) or 1.0, []),
        Run().counting,
        over(count()),
        over(random.Random(0)),  # noqa: S311  # no secret
        over(torch.Generator()),
        over(np.random.default_rng(0)),
    ],
    ids=["global", "cell", "called", "partial", "method", "iterator", "random", "torch", "numpy"],
)
def test_functions_that_change_something(function: Any) -> None:
    assert reach(function).changes_things


@pytest.mark.parametrize(
    "function",
    [
        lambda epoch: 0.9 ** sum(epoch >= one for one in MILESTONES),
        lambda step: float(np.cos(step)),
        with_a_cell_of_its_own(),
        partial(pow, 0.9),
        Run().factor,
        over([1, 2]),
        float,
    ],
    ids=["milestones", "numpy", "own cell", "partial", "method", "list", "builtin"],
)
def test_functions_that_do_not(function: Any) -> None:
    assert not reach(function).changes_things


def test_names_texts_and_numbers() -> None:
    steps = 100
    found = reach(lambda step: {"lr": 1 - step / steps}["lr"])
    assert "lr" in found.constants
    assert found.number(["steps"]) == ("steps", 100)
    assert found.number(["others"]) is None
    assert reach(partial(pow, exp=2)).number(["exp"]) == ("exp", 2)
    assert reach(Run().factor).number(["warm"]) == ("warm", 10)


def test_functions_that_call_each_other_are_followed_once() -> None:
    def first(epoch: int) -> float:
        return second(epoch)

    def second(epoch: int) -> float:
        return first(epoch)

    assert len(reach(first).codes) == 2
