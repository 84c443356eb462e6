"""A schedule in its place: over which ticks of training it runs."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from paramgroups.schedules import Factor, Horizon, Schedule, Shape
from paramgroups.schedules.turning import around


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

    @property
    def waiting(self) -> tuple[Shape, ...]:
        """Its parts that do not begin, since they come after one that runs on without a known end."""
        return self.schedule.shapes[len(self.schedule.pieces(self.rest)) :]

    @cached_property
    def factor(self) -> Factor:
        """The factor at a tick of training; before its clock begins that of the clock's start."""
        over, began = self.schedule.over(self.rest), self.began
        return over if not began else lambda tick: over(tick - began)

    @cached_property
    def _turns(self) -> list[int] | None:
        """The ticks at which the factor may be smallest or largest; None where any may."""
        turns = self.schedule.turns_over(self.rest)
        return None if turns is None else sorted(self.began + tick for tick in around(turns))

    @cached_property
    def _extremes(self) -> dict[tuple[int, int], tuple[int, ...]]:
        return {}

    def extremes(self, start: int, stop: int) -> tuple[int, ...]:
        """Ticks from `start` to before `stop` among which the factor is smallest and largest."""
        if (start, stop) not in self._extremes:
            asked = sorted(set(self._telling(start, stop)))
            self._extremes[start, stop] = (min(asked, key=self.factor), max(asked, key=self.factor))
        return self._extremes[start, stop]

    def _telling(self, start: int, stop: int) -> Iterable[int]:
        """The range's ends and the turns in it; all ticks where its turns are not known."""
        if self._turns is None:
            return range(start, stop)
        within = self._turns[bisect_left(self._turns, start) : bisect_left(self._turns, stop)]
        return (start, *within, stop - 1)

    def __getstate__(self) -> dict[str, Any]:
        """A copy finds its factor anew: a function of a function cannot be saved."""
        return {"schedule": self.schedule, "began": self.began, "horizon": self.horizon}
