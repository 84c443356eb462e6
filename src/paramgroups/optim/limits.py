"""What gradients must be for a step to be made of them, decided before anything is written."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paramgroups.errors import OptimizerError
from paramgroups.optim.backends.batch import NONFINITE, Floats, Ints
from paramgroups.optim.clipping import factors_of
from paramgroups.optim.finding import Bools

SQUARES = 0
"""The place of Σg² among the sums."""


@dataclass(frozen=True)
class Limit:
    """What the gradients of some groups must be: finite, and their norm within a bound.

    Else nothing of these groups is stepped: no weight, no state and no count is written.

    Attributes:
        groups: The groups, by their numbers; their gradients make one norm.
        bound: The largest norm.
        clip: Whether gradients above the bound are scaled to it, and stepped.
        shut: Whether the groups are left out whatever their gradients are.
    """

    groups: tuple[int, ...]
    bound: float = math.inf
    clip: bool = False
    shut: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a limit in a step.

    Attributes:
        limit: The limit.
        norm: √Σg² over its groups.
        nonfinite: How many of the gradients are infinite or NaN.
        shut: Whether its groups were left out.
        factor: What their gradients were multiplied by.
    """

    limit: Limit
    norm: float
    nonfinite: int
    shut: bool
    factor: float


@dataclass(frozen=True, eq=False)
class Passage:
    """What of a step is made.

    Attributes:
        shut: Which groups are left out.
        factors: What each group's gradients are multiplied by; None where that is 1 for all.
        outcomes: What became of each limit.
    """

    shut: Bools
    factors: Floats | None
    outcomes: Sequence[Outcome] = ()

    def of(self, groups: Ints) -> "Passage":
        """That of some groups."""
        return Passage(self.shut[groups], None if self.factors is None else self.factors[groups])


def unlimited(count: int, scale: float) -> Passage:
    """The passage of so many groups that nothing limits, with all gradients multiplied by a number."""
    return Passage(np.zeros(count, np.bool_), None if scale == 1.0 else np.full(count, scale))


def passage(
    limits: Sequence[Limit], groups: Sequence[Mapping[str, Any]], sums: Floats, scale: float
) -> Passage:
    """What of a step is made, and with which gradients.

    Groups are left out first; the others are scaled to their limits, and clipped last. The norm that
    `clip_norm` bounds is that of what is stepped, after its limits.

    Args:
        limits: The limits.
        groups: The groups, each perhaps with a bound to clip to.
        sums: The sums over the gradients of each group.
        scale: What all gradients are multiplied by.

    Raises:
        OptimizerError: A limit or a group has a bound that is none, or a limit names no group.

    Example:
        >>> sums = np.array([[9.0, 0, 0, 0], [16.0, 0, 0, 0], [np.nan, 0, 0, 1]])
        >>> found = passage([Limit((0, 1), 2.5, clip=True), Limit((2,))], [{}, {}, {}], sums, 1.0)
        >>> found.shut.tolist(), found.factors.tolist()
        ([False, False, True], [0.5, 0.5, 1.0])
    """
    squares, nonfinite = sums[:, SQUARES].tolist(), sums[:, NONFINITE].tolist()
    outcomes = [_outcome(_checked(limit, len(groups)), squares, nonfinite, scale) for limit in limits]
    shut, factors = np.zeros(len(groups), np.bool_), np.full(len(groups), scale)
    for one in outcomes:
        shut[list(one.limit.groups)] |= one.shut
        factors[list(one.limit.groups)] *= one.factor
    clipped = factors_of(groups, np.where(shut, 0.0, sums[:, SQUARES] * factors**2))
    return Passage(shut, clipped * factors, outcomes)


def _outcome(limit: Limit, squares: Sequence[float], nonfinite: Sequence[float], scale: float) -> Outcome:
    norm = math.sqrt(sum(squares[group] for group in limit.groups)) * scale
    odd = int(sum(nonfinite[group] for group in limit.groups))
    above = norm > limit.bound
    shut = limit.shut or odd > 0 or (above and not limit.clip)
    return Outcome(limit, norm, odd, shut, limit.bound / norm if above and not shut else 1.0)


def _checked(limit: Limit, count: int) -> Limit:
    if not limit.bound >= 0.0:
        raise OptimizerError(f"{limit!r}: the bound is no number of at least 0. Give one, or math.inf.")
    if lost := [group for group in limit.groups if group not in range(count)]:
        raise OptimizerError(f"{limit!r} names group {lost[0]}, and there are {count}, from 0.")
    return limit
