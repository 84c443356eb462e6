"""The course of one hyperparameter through training: the cascade's value times its schedule's factor."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from paramgroups.planning.cascade import Chain, Link, Piece, at, merged
from paramgroups.schedules import Factor, Horizon, Schedule


class Timing(NamedTuple):
    """A schedule and the tick at which its clock began."""

    schedule: Schedule
    began: int


class Range(NamedTuple):
    """The smallest and largest factor over some ticks, and where they are met."""

    low: float
    low_at: int
    high: float
    high_at: int


@lru_cache(maxsize=4096)
def factor_of(timing: Timing, horizon: Horizon) -> Factor:
    """The factor by ticks since the schedule's clock began; made once for all that share it."""
    return timing.schedule.over(horizon.rest(timing.began))


@lru_cache(maxsize=4096)
def range_of(timing: Timing, horizon: Horizon, start: int, stop: int) -> Range:
    """The extremes of a factor over the ticks from `start` to before `stop`."""
    factor = factor_of(timing, horizon)
    values = [factor(tick - timing.began) for tick in range(start, stop)]
    low, high = min(values), max(values)
    return Range(low, start + values.index(low), high, start + values.index(high))


@dataclass(frozen=True)
class Course:
    """One hyperparameter of one profile, at every tick.

    Attributes:
        chain: The cascade, schedule left out.
        timings: Which schedule acts from which tick on; None where none does.
        horizon: How long training is.
    """

    chain: Chain
    timings: tuple[Piece, ...]
    horizon: Horizon

    def at(self, tick: float) -> Any:
        """The value at a tick, schedule included."""
        value = at(self.chain.pieces, tick)
        return value if self.timing(tick) is None else value * self.factor(tick)

    def timing(self, tick: float) -> Timing | None:
        """The schedule that acts at a tick, and when its clock began."""
        found: Timing | None = at(self.timings, tick)
        return found

    def factor(self, tick: float) -> float:
        """The schedule's factor at a tick; 1 where no schedule acts."""
        timing = self.timing(tick)
        if timing is None:
            return 1.0
        return factor_of(timing, self.horizon)(max(0, tick - timing.began))

    @cached_property
    def start(self) -> float:
        """The tick at which its schedule's clock begins."""
        first = next((timing for _, timing in self.timings if timing is not None), None)
        return 0 if first is None else first.began

    @property
    def base(self) -> Any:
        """The value at the start of its schedule's clock, schedule left out."""
        return at(self.chain.pieces, self.start)

    @property
    def key(self) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
        """What two courses of equal values have in common."""
        return self.chain.pieces, self.timings

    @property
    def constant(self) -> bool:
        """Whether it has one value at all ticks."""
        return len(self.chain.pieces) == 1 and self.timings == ((0.0, None),)

    def then(self, link: Link) -> "Course":
        """This course with one more voice in its cascade."""
        return Course(self.chain.then(link), self.timings, self.horizon)

    def extremes(self) -> list[tuple[float, Any]]:
        """Ticks and values among which its smallest and largest value are."""
        edges = sorted({start for start, _ in self.chain.pieces} | {start for start, _ in self.timings})
        ends = [*edges[1:], self.horizon.ticks or math.inf]
        return [found for start, stop in zip(edges, ends, strict=True) for found in self._within(start, stop)]

    def _within(self, start: float, stop: float) -> list[tuple[float, Any]]:
        value, timing = at(self.chain.pieces, start), at(self.timings, start)
        if timing is None or not start < stop < math.inf:
            return [(start, value)]
        found = range_of(timing, self.horizon, int(start), int(stop))
        return [(found.low_at, value * found.low), (found.high_at, value * found.high)]


def timings(schedules: Chain, clocks: Chain, thaws: tuple[int, ...]) -> tuple[Piece, ...]:
    """Which schedule acts from which tick on, and when its clock began.

    Args:
        schedules: The cascade of schedules of one hyperparameter.
        clocks: The cascade of clocks, `"run"` or `"thaw"`.
        thaws: The ticks at which the parameter thaws.
    """
    edges = {start for chain in (schedules, clocks) for start, _ in chain.pieces} | set(thaws)
    return merged((edge, _timing(schedules.at(edge), clocks.at(edge), thaws, edge)) for edge in sorted(edges))


def _timing(schedule: Schedule | None, clock: str, thaws: tuple[int, ...], tick: float) -> Timing | None:
    if schedule is None:
        return None
    return Timing(schedule, _thaw(thaws, tick) if clock == "thaw" else 0)


def _thaw(thaws: tuple[int, ...], tick: float) -> int:
    """The latest thaw so far, else the next one: a frozen parameter waits at its schedule's start."""
    past = [thaw for thaw in thaws if thaw <= tick]
    return past[-1] if past else next(iter(thaws), 0)
