"""A schedule in its place: over which ticks of training it runs."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from math import ceil
from typing import Any, NamedTuple

from paramgroups.schedules import Factor, Horizon, Schedule, Shape
from paramgroups.schedules.turning import around

MOST = 2_000
"""So many ticks of a ramp are looked at, of longer ones so many evenly."""


class Ramp(NamedTuple):
    """How a rate comes back after a thaw: by (t - began + 1) / ticks of where its schedule has it.

    Attributes:
        began: The tick of the thaw.
        ticks: Over how many ticks.
    """

    began: int
    ticks: int

    def factor(self, tick: float) -> float:
        """The factor at a tick from the thaw on."""
        return min(1.0, (tick - self.began + 1) / self.ticks)

    def place(self, tick: float) -> str:
        """How far it is at a tick, for people."""
        return f"{min(tick - self.began + 1, self.ticks):,.15g} of {self.ticks:,}"


@dataclass(frozen=True)
class Timing:
    """A schedule and the tick at which its clock began, perhaps within the ramp after a thaw.

    Attributes:
        schedule: The schedule; None where there is a ramp alone.
        began: The tick of training that is its first.
        horizon: How long training is.
        ramp: What multiplies its factor.
    """

    schedule: Schedule | None
    began: int
    horizon: Horizon
    ramp: Ramp | None = None

    @cached_property
    def rest(self) -> Horizon:
        """How long its clock runs: percentages are of this."""
        return self.horizon.rest(self.began)

    @property
    def waiting(self) -> tuple[Shape, ...]:
        """Its parts that do not begin, since they come after one that runs on without a known end."""
        if self.schedule is None:
            return ()
        return self.schedule.shapes[len(self.schedule.pieces(self.rest)) :]

    @cached_property
    def factor(self) -> Factor:
        """The factor at a tick of training; before its clock begins that of the clock's start."""
        scheduled, ramp = self.scheduled, self.ramp
        if ramp is None or self.schedule is None:
            return scheduled if ramp is None else ramp.factor
        return lambda tick: scheduled(tick) * ramp.factor(tick)

    @cached_property
    def scheduled(self) -> Factor:
        """The schedule's part of the factor."""
        if self.schedule is None:
            return lambda _: 1.0
        over, began = self.schedule.over(self.rest), self.began
        return over if not began else lambda tick: over(tick - began)

    @property
    def words(self) -> str:
        """It in short, for people."""
        ramp = [f"rewarm({self.ramp.ticks})"] if self.ramp else []
        return " × ".join([*([repr(self.schedule)] if self.schedule else []), *ramp])

    @cached_property
    def _turns(self) -> list[int] | None:
        """The ticks at which the factor may be smallest or largest; None where any may."""
        if self.schedule is None:
            return []
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
        """The range's ends and the turns in it; all ticks where its turns are not known.

        A ramp rises while its schedule may fall, so that the largest product may be anywhere. It leaves no
        domain that the schedule does not leave at a turn: the product has its sign, and is no larger.
        """
        if self._turns is None:
            return range(start, stop)
        within = self._turns[bisect_left(self._turns, start) : bisect_left(self._turns, stop)]
        evenly = range(start, stop, ceil((stop - start) / MOST)) if self.ramp and self.schedule else ()
        return (start, *within, *evenly, stop - 1)

    def __getstate__(self) -> dict[str, Any]:
        """A copy finds its factor anew: a function of a function cannot be saved."""
        return {each.name: getattr(self, each.name) for each in fields(self)}
