# ruff: noqa: N801 - a shape is written as a word in a recipe, and its repr pastes back
"""The shapes that run through knots: ticks at which the factor is known."""

import math
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from operator import itemgetter
from typing import ClassVar, Literal

from paramgroups.errors import ScheduleError
from paramgroups.schedules.checks import one_of
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.places import place
from paramgroups.schedules.schedule import Factor, Shape
from paramgroups.schedules.settings import CHECKS, Checks
from paramgroups.schedules.shapes import known
from paramgroups.schedules.turning import Turns

Knot = tuple[float, float]
"""A tick, and the factor there."""

BETWEEN: dict[str, Callable[[float, float, float], float]] = {
    "linear": lambda a, b, u: (b - a) * u + a,
    "cosine": lambda a, b, u: b + (a - b) / 2 * (math.cos(math.pi * u) + 1),
    "hold": lambda a, _b, _u: a,
}
"""From one factor to the next at progress u between them."""


class Knotted(Shape):
    """A shape that is its knots and a curve between them; before the first and after the last it is held."""

    @abstractmethod
    def knots(self, horizon: Horizon, ticks: int | None) -> Sequence[Knot]:
        """The knots, ticks in order; of two at one tick the later is met."""

    @property
    def curve(self) -> str:
        """Which of BETWEEN it follows."""
        return "linear"

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick."""
        return _through(self.knots(horizon, ticks), BETWEEN[self.curve])

    def turns(self, horizon: Horizon, ticks: int | None) -> Turns | None:
        """The ticks of its knots."""
        return tuple(tick for tick, _ in self.knots(horizon, ticks))


def _through(knots: Sequence[Knot], curve: Callable[[float, float, float], float]) -> Factor:
    ticks = [tick for tick, _ in knots]
    first, last = knots[0][1], knots[-1][1]
    parts = [(a, fa, fb, b - a) for (a, fa), (b, fb) in pairwise(knots)]

    def at(t: float) -> float:
        i = bisect_right(ticks, t)
        if i == len(ticks):
            return last
        if not i:
            return first
        begin, a, b, width = parts[i - 1]
        return curve(a, b, (t - begin) / width)

    return at


@dataclass(frozen=True, repr=False)
class piecewise(Knotted):
    """Through points of your own: at each tick its factor, and a line, a half cosine or a step between.

    Before the first point its factor is held, and after the last. Two points at one tick are a jump, from
    the one written first.

    Args:
        points: Pairs of a tick and a factor, in any order; shares are of this schedule's own length.
        between: How to go from a point to the next: `"linear"`, `"cosine"`, or `"hold"` until there.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range, or a tick is past the end.

    Example:
        >>> at = piecewise([(0, 0.1), (10, 1), ("100%", 0)]).over(Horizon.of(steps=110))
        >>> at(0), at(5), at(10), at(60), at(110)
        (0.1, 0.55, 1.0, 0.5, 0.0)
    """

    points: Sequence[tuple[Length, float]]
    _: KW_ONLY
    between: Literal["linear", "cosine", "hold"] = "linear"

    @property
    def curve(self) -> str:
        """As it is set."""
        return self.between

    def knots(self, horizon: Horizon, ticks: int | None) -> Sequence[Knot]:
        """The points, resolved."""
        found = [(place(self.word, "points", at, horizon, ticks), factor) for at, factor in self.points]
        return [(float(tick), factor) for tick, factor in sorted(found, key=itemgetter(0))]


@dataclass(frozen=True, repr=False, kw_only=True)
class triangular(Knotted):
    """One climb in a straight line to 1, and one fall back: the cycle of Smith, arXiv:1506.01186, once.

    Args:
        start: Factor at the first tick and at the end.
        rise: When it is at 1; a share is of this schedule's own length.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range, or `rise` is past the end.

    Example:
        >>> at = triangular(start=0.5, rise="20%").over(Horizon.of(steps=100))
        >>> at(0), at(10), at(20), at(60), at(100)
        (0.5, 0.75, 1.0, 0.75, 0.5)
    """

    start: float = 0.0
    rise: Length = "50%"

    def knots(self, horizon: Horizon, ticks: int | None) -> Sequence[Knot]:
        """The start, the peak, the end."""
        end = known(self, horizon, ticks)
        peak = float(place(self.word, "rise", self.rise, horizon, end))
        return [(0, self.start), (peak, 1.0), (end, self.start)]


@dataclass(frozen=True, repr=False, kw_only=True)
class one_cycle(Knotted):
    """Up to a peak, and down to almost nothing: torch's `OneCycleLR`, where the base is its `max_lr`.

    It is at `start` at tick 0, at `peak` at tick rise − 1 and at `end` at tick n − 1, as torch counts. With
    `symmetric=True` (torch's `three_phase`) it is back at `start` at tick 2 rise − 2. The same shape is the
    cycle of the momentum: `start=1, peak=base_momentum / max_momentum, end=1`, where the base is torch's
    `max_momentum`. From Smith and Topin, arXiv:1708.07120. Over one tick it is at its end, as torch's.

    Args:
        start: Factor at the first tick, torch's 1 ÷ div_factor.
        peak: Factor at the top.
        end: Factor at the last tick, torch's 1 ÷ (div_factor × final_div_factor).
        rise: How long the way up takes, torch's `pct_start`; a share is of this schedule's own length.
        between: `"cosine"` or `"linear"`, torch's `anneal_strategy`.
        symmetric: Whether the way down to `start` is as long as the way up.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range, or the ways take longer than the schedule.

    Example:
        >>> at = one_cycle(start=0.1, end=0.01, between="linear").over(Horizon.of(steps=101))
        >>> at(0), round(at(29), 2), at(100)
        (0.1, 0.99, 0.01)
    """

    checks: ClassVar[Checks] = {**CHECKS, "between": one_of("cosine", "linear")}

    start: float = 1 / 25
    peak: float = 1.0
    end: float = 4e-6
    rise: Length = "30%"
    between: Literal["cosine", "linear"] = "cosine"
    symmetric: bool = False

    @property
    def curve(self) -> str:
        """As it is set."""
        return self.between

    def knots(self, horizon: Horizon, ticks: int | None) -> Sequence[Knot]:
        """The start, the peak, the start again where it is symmetric, the end."""
        last = known(self, horizon, ticks) - 1
        top = float(place(self.word, "rise", self.rise, horizon, ticks)) - 1
        found = [(0.0, self.start), (top, self.peak)]
        if self.symmetric:
            found.append((2 * top, self.start))
        if found[-1][0] > max(last, 0):
            raise ScheduleError(
                f"one_cycle: rise={self.rise!r} twice is longer than its {ticks:,} {horizon.unit}s."
                ' Write at most rise="50%".'
            )
        if found[-1][0] < last or not last:
            found.append((last, self.end))
        while len(found) > 1 and found[1][0] < 0:  # a way of less than a tick has passed when it begins
            del found[0]
        return found
