"""A schedule in its place: over which ticks of training it runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from paramgroups.schedules import Factor, Horizon, Schedule


@dataclass(frozen=True)
class Timing:
    """A schedule and the tick at which its clock began.

    Attributes:
        schedule: The schedule.
        began: The tick of training that is its first.
        horizon: How long training is.
    """

    schedule: Schedule
    began: int
    horizon: Horizon

    @cached_property
    def rest(self) -> Horizon:
        """How long its clock runs: percentages are of this."""
        return self.horizon.rest(self.began)

    @cached_property
    def _factor(self) -> Factor:
        return self.schedule.over(self.rest)

    @cached_property
    def _extremes(self) -> dict[tuple[int, int], tuple[int, ...]]:
        return {}

    def factor(self, tick: float) -> float:
        """The factor at a tick of training; before its clock begins that of the clock's start."""
        return self._factor(max(0, tick - self.began))

    def extremes(self, start: int, stop: int) -> tuple[int, ...]:
        """Ticks from `start` to before `stop` among which the factor is smallest and largest."""
        if (start, stop) not in self._extremes:
            asked = sorted(set(self._telling(start, stop)))
            self._extremes[start, stop] = (min(asked, key=self.factor), max(asked, key=self.factor))
        return self._extremes[start, stop]

    def _telling(self, start: int, stop: int) -> Iterator[int]:
        """The ends of each shape that never turns, and all ticks of any other."""
        yield from (start, stop - 1)
        for piece in self.schedule.pieces(self.rest):
            first = self.began + piece.start
            last = stop if piece.ticks is None else first + piece.ticks
            within = range(max(first, start), min(last, stop))
            if within:
                yield from (within[0], within[-1]) if piece.shape.monotone else within

    def __getstate__(self) -> dict[str, Any]:
        """A copy finds its factor anew: a function of a function cannot be saved."""
        return {"schedule": self.schedule, "began": self.began, "horizon": self.horizon}
