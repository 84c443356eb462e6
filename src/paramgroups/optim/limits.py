"""What gradients must be for a step to be made of them, decided before anything is written."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from paramgroups.errors import OptimizerError
from paramgroups.optim.backends.batch import NONFINITE, Floats, Ints
from paramgroups.optim.clipping import clips, factors_of
from paramgroups.optim.fetching import sent
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
        gates: The factors, where the device has decided them and nobody was told: below 0 nothing is stepped.
    """

    shut: Bools
    factors: Floats | None
    outcomes: Sequence[Outcome] = ()
    gates: Tensor | None = None

    def of(self, groups: Ints) -> "Passage":
        """That of some groups."""
        gates = None if self.gates is None else self.gates[sent(groups, self.gates.device)]
        return Passage(self.shut[groups], None if self.factors is None else self.factors[groups], gates=gates)


def unlimited(count: int, scale: float) -> Passage:
    """The passage of so many groups that nothing limits, with all gradients multiplied by a number."""
    return Passage(np.zeros(count, np.bool_), None if scale == 1.0 else np.full(count, scale))


def passage(
    limits: Sequence[Limit], groups: Sequence[Mapping[str, Any]], sums: Floats, scale: float
) -> Passage:
    """What of a step is made, and with which gradients.

    Groups are left out first; the others are scaled to the smallest of their limits, and clipped last. The
    norm that `clip_norm` bounds is that of what is stepped, after its limits, and finite.

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
    check_limits(limits, len(groups))
    shut, factors = np.zeros(len(groups), np.bool_), np.ones(len(groups))
    outcomes: dict[int, Outcome] = {}
    for clip in (False, True):  # what is left out counts in no norm that others are clipped by
        chosen = [(place, limit) for place, limit in enumerate(limits) if limit.clip is clip]
        totals = _totals({limit.groups for _, limit in chosen}, sums, shut if clip else None)
        for place, limit in chosen:
            outcomes[place] = one = _outcome(limit, *totals[limit.groups], scale)
            if one.shut:
                shut[list(limit.groups)] = True
            elif one.factor != 1.0:
                factors[list(limit.groups)] = np.minimum(factors[list(limit.groups)], one.factor)
    factors *= scale
    if clips(groups):
        stepped = ~shut & np.isfinite(sums[:, SQUARES]) if limits else ~shut
        factors *= factors_of(groups, np.where(stepped, sums[:, SQUARES], 0.0) * factors**2)
    return Passage(shut, factors, [outcomes[place] for place in range(len(limits))])


def check_limits(limits: Iterable[Limit], count: int) -> None:
    """Refuse limits that have no meaning for so many groups.

    Raises:
        OptimizerError: One has a bound that is none, or names no group.
    """
    for limit in limits:
        if lost := [group for group in limit.groups if not 0 <= group < count]:
            raise OptimizerError(f"A limit names group {lost[0]}, and there are {count}, from 0.")
        if not limit.bound >= 0.0:
            raise OptimizerError(f"{limit!r}: the bound is no number of at least 0. Give one, or math.inf.")


def _totals(
    scopes: Iterable[tuple[int, ...]], sums: Floats, shut: Bools | None
) -> dict[tuple[int, ...], tuple[float, float]]:
    """Σg² and the count of what is not finite over the groups of each limit: several may share theirs.

    Args:
        scopes: The groups of each limit.
        sums: The sums of all groups.
        shut: The groups that do not count.
    """
    both, found = sums[:, [SQUARES, NONFINITE]], {}
    if shut is not None and shut.any():
        both[shut] = 0.0
    for scope in scopes:
        squares, odd = both[list(scope)].sum(axis=0).tolist()
        found[scope] = squares, odd
    return found


def _outcome(limit: Limit, squares: float, nonfinite: float, scale: float) -> Outcome:
    norm, odd = math.sqrt(squares) * scale, int(nonfinite)
    above = norm > limit.bound
    shut = limit.shut or odd > 0 or (above and not limit.clip)
    return Outcome(limit, norm, odd, shut, limit.bound / norm if above and not shut else 1.0)
