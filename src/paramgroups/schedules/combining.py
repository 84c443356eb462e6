# ruff: noqa: N801 - a shape is written as a word in a recipe, and its repr pastes back
"""The shapes made of schedules: a product, a clamp, a window."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

from paramgroups.errors import ScheduleError, shown
from paramgroups.schedules.checks import finite
from paramgroups.schedules.horizon import Horizon, nearest_tick
from paramgroups.schedules.lengths import Length, length
from paramgroups.schedules.places import place
from paramgroups.schedules.schedule import COMBINED, Factor, Schedule, Shape, a_schedule
from paramgroups.schedules.settings import CHECKS, Checks
from paramgroups.schedules.turning import Turns, around

DEEPEST = 20  # schedules within schedules, so that no walk over one runs out of stack


class Combination(Shape):
    """A shape that holds schedules; their lengths are of what it spans."""

    checks: ClassVar[Checks] = {**CHECKS, "schedule": a_schedule}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth > DEEPEST:
            raise ScheduleError(f"{self.word}: schedules stand within each other more than {DEEPEST} times.")

    @property
    @abstractmethod
    def held(self) -> tuple[Schedule, ...]:
        """The schedules."""

    @property
    def opaque(self) -> bool:
        """Whether one of the schedules is."""
        return any(schedule.opaque for schedule in self.held)

    @property
    def depth(self) -> int:
        """One more than the deepest of the schedules."""
        return 1 + max(schedule.depth for schedule in self.held)

    def inside(self, schedule: Schedule, horizon: Horizon) -> Factor:
        """One of the schedules over a horizon of its own; an error names both."""
        try:
            return schedule.over(horizon)
        except ScheduleError as error:
            raise ScheduleError(f"{self.word}: {error}") from error


@dataclass(frozen=True, repr=False, init=False)
class product(Combination):
    """The product of schedules, each over the whole: f(t) = f₁(t) × f₂(t) × …, written `a * b`.

    A product within a product is opened. It is torch's `ChainedScheduler`.

    Args:
        *schedules: At least one.
        length: How long it takes.

    Raises:
        ScheduleError: There is none, or one is no schedule.

    Example:
        >>> from paramgroups.schedules import constant, linear
        >>> at = (linear() * constant(0.5)).over(Horizon.of(steps=10))
        >>> at(0), at(5)
        (0.5, 0.25)
    """

    checks: ClassVar[Checks] = {**CHECKS, "schedules": lambda _, schedules: schedules}

    schedules: tuple[Schedule, ...]

    def __init__(self, *schedules: Schedule, length: Length | None = None) -> None:
        if not schedules:
            raise ScheduleError("A product has no schedules. Write at least one: product(cosine()).")
        object.__setattr__(self, "schedules", tuple(part for one in schedules for part in _multiplied(one)))
        super().__init__(length=length)

    @property
    def held(self) -> tuple[Schedule, ...]:
        """The schedules."""
        return self.schedules

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick."""
        spanned = replace(horizon, ticks=ticks)
        factors = [self.inside(schedule, spanned) for schedule in self.schedules]

        def at(t: float) -> float:
            found = 1.0
            for factor in factors:
                found *= factor(t)
            return finite(found)

        return at

    def turns(self, horizon: Horizon, ticks: int | None) -> Turns | None:
        """The turns of all; and where one climbs while another falls, every tick."""
        if ticks is None:
            return None
        spanned = replace(horizon, ticks=ticks)
        factors = [self.inside(schedule, spanned) for schedule in self.schedules]
        turns = {turn for one in self.schedules for turn in one.turns_over(spanned) or ()}
        marks = sorted({0, ticks} | {tick for tick in around(turns) if 0 <= tick <= ticks})
        return list(_with_contested(marks, factors))

    def __repr__(self) -> str:
        ended = [] if self.length is None else [f"length={self.length!r}"]
        return f"product({', '.join([*map(repr, self.schedules), *ended])})"

    @classmethod
    def of_settings(cls, **settings: Any) -> "product":
        """The product that its settings describe."""
        return cls(*settings.pop("schedules"), **settings)


def _multiplied(one: Schedule) -> tuple[Schedule, ...]:
    if isinstance(one, product) and one.length is None:
        return one.schedules
    return (a_schedule("", one),)


def _with_contested(marks: list[int], factors: list[Factor]) -> Iterator[int]:
    """The marks, and every tick between two where factors go opposite ways."""
    yield from marks
    for a, b in pairwise(marks):
        moves = [factor(b) - factor(a) for factor in factors] if b > a + 1 else [0.0]
        if min(moves) < 0 < max(moves):
            yield from range(a + 1, b)


@dataclass(frozen=True, repr=False)
class clamp(Combination):
    """A schedule within bounds: f(t) = min(max(schedule(t), low), high).

    Args:
        schedule: The schedule.
        low: The smallest factor.
        high: The largest; None: none.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range, or `low` is above `high`.

    Example:
        >>> from paramgroups.schedules import linear
        >>> at = clamp(linear(), low=0.25, high=0.5).over(Horizon.of(steps=100))
        >>> at(0), at(60), at(90)
        (0.5, 0.4, 0.25)
    """

    schedule: Schedule
    _: KW_ONLY
    low: float = 0.0
    high: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.high is not None and self.low > self.high:
            raise ScheduleError(f"clamp: low={self.low} is above high={self.high}. Write the smaller as low.")

    @property
    def held(self) -> tuple[Schedule, ...]:
        """The schedule."""
        return (self.schedule,)

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick."""
        factor = self.inside(self.schedule, replace(horizon, ticks=ticks))
        low, high = self.low, math.inf if self.high is None else self.high

        def at(t: float) -> float:
            found = factor(t)
            if found < low:
                return low
            if found > high:
                return high
            return found

        return at

    def turns(self, horizon: Horizon, ticks: int | None) -> Turns | None:
        """Those of its schedule: bounds turn nothing round."""
        return self.schedule.turns_over(replace(horizon, ticks=ticks))


@dataclass(frozen=True, repr=False)
class window(Combination):
    """A schedule that acts for a while: from `start` to before `until`, where its own clock runs; 1 outside.

    Args:
        schedule: The schedule; it spans the window.
        start: Its first tick; a share is of the window's own length. None: 0.
        until: The first tick after it; None: it acts on.
        length: How long it takes, together with what is outside.

    Raises:
        ScheduleError: A setting is out of its range, or `start` is after `until`, or one past the end.

    Example:
        >>> from paramgroups.schedules import linear
        >>> at = window(linear(), start=20, until=40).over(Horizon.of(steps=100))
        >>> at(19), at(20), at(30), at(40)
        (1.0, 1.0, 0.5, 1.0)
    """

    checks: ClassVar[Checks] = {**Combination.checks, "start": length, "until": length}

    schedule: Schedule
    _: KW_ONLY
    start: Length | None = None
    until: Length | None = None

    @property
    def held(self) -> tuple[Schedule, ...]:
        """The schedule."""
        return (self.schedule,)

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick."""
        start, until, spanned = self._span(horizon, ticks)
        if start == until:
            return lambda _: 1.0
        factor = self.inside(self.schedule, spanned)
        end = math.inf if self.until is None or until is None else until
        return lambda t: factor(t - start) if start <= t < end else 1.0

    def turns(self, horizon: Horizon, ticks: int | None) -> Turns | None:
        """Its edges, and within it those of its schedule."""
        start, until, spanned = self._span(horizon, ticks)
        inner = () if start == until else self.schedule.turns_over(spanned)
        if inner is None:
            return None
        edges = [start] if until is None else [start, until]
        return [*edges, *(start + turn for turn in inner)]

    def _span(self, horizon: Horizon, ticks: int | None) -> tuple[int, int | None, Horizon]:
        start = 0 if self.start is None else self._place("start", self.start, horizon, ticks)
        until = ticks if self.until is None else self._place("until", self.until, horizon, ticks)
        if until is not None and start > until:
            raise ScheduleError(
                f"window: start={shown(self.start)} is after until={shown(self.until)}. Swap them."
            )
        return start, until, replace(horizon, ticks=None if until is None else until - start)

    def _place(self, setting: str, value: Length, horizon: Horizon, ticks: int | None) -> int:
        return nearest_tick(place(self.word, setting, value, horizon, ticks))


COMBINED.update(product=product, clamp=clamp, window=window)
