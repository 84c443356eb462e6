# ruff: noqa: N801 - a shape is written as a word in a recipe, and its repr pastes back
"""The shape that runs a schedule again and again."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from fractions import Fraction
from itertools import cycle, islice
from typing import NamedTuple

from paramgroups.errors import ScheduleError
from paramgroups.schedules.checks import MOST_TICKS, finite
from paramgroups.schedules.combining import Combination
from paramgroups.schedules.decays import period_of
from paramgroups.schedules.horizon import Horizon, nearest_tick
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.schedule import COMBINED, Factor, Schedule
from paramgroups.schedules.shapes import known
from paramgroups.schedules.turning import Turns


@dataclass(frozen=True, repr=False)
class repeat(Combination):
    """A schedule over and over: in repetition k, f(t) = factor ^ k × schedule(t − the repetition's start).

    Each repetition is a horizon of its own, of which shares are. At the very end the last repetition is held
    where it is. `repeat(cosine(end=e), every=n, stretch=m)` is torch's
    `CosineAnnealingWarmRestarts(T_0=n, T_mult=m, eta_min=e × base)`, and `repeat(cosine(), times=k)` after a
    warm-up is transformers' `cosine_with_restarts`.

    Args:
        schedule: What is repeated.
        every: Ticks of the first repetition; this, or `times`.
        times: How many repetitions share its length equally, even where they begin between two ticks: own
            lengths of `schedule` then are of the nearest whole number of ticks.
        stretch: How many times as long as the one before each repetition is; with `every`.
        factor: What each repetition multiplies by.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range; both or none of `every` and `times` are given.

    Example:
        >>> from paramgroups.schedules import linear
        >>> at = repeat(linear(), every=10, factor=0.5).over(Horizon.of())
        >>> [at(t) for t in (0, 5, 10, 15, 20)]
        [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    schedule: Schedule
    _: KW_ONLY
    every: Length | None = None
    times: int | None = None
    stretch: int = 1
    factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.every is None) == (self.times is None):
            raise ScheduleError(
                "repeat: give either every= (ticks of a repetition) or times= (how many fill its length)."
            )
        if self.times is not None and self.stretch != 1:
            raise ScheduleError(f"repeat: stretch={self.stretch} goes with every=, not with times=.")

    @property
    def held(self) -> tuple[Schedule, ...]:
        """The schedule."""
        return (self.schedule,)

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick."""
        rounds = self._rounds(horizon, ticks)
        over = {size: self.inside(self.schedule, replace(horizon, ticks=size)) for size in rounds.sizes}
        if self.stretch > 1:
            return _growing([over[size] for size in rounds.sizes], rounds.begins, self.factor)
        end = math.inf if ticks is None else ticks
        last = _Last(end, math.inf if ticks is None else len(rounds.begins) - 1)
        size = rounds.sizes[0]
        if rounds.parts == 1:
            return _even(over[size], size, self.factor, last)
        return _shared(over[size], size, rounds.parts, self.factor, last)

    def turns(self, horizon: Horizon, ticks: int | None) -> Turns | None:
        """Where a repetition begins, and its own turns; those of many short ones are all ticks."""
        if ticks is None:
            return None
        begins, sizes, parts = self._rounds(horizon, ticks)
        inner = {size: self.schedule.turns_over(replace(horizon, ticks=size)) or () for size in set(sizes)}
        if len(begins) * (1 + max(map(len, inner.values()))) > ticks:
            return range(ticks + 1)
        pace = 1 if parts == 1 else ticks / (parts * sizes[0])
        placed = zip(begins, islice(cycle(sizes), len(begins)), strict=True)
        return [begin / parts + turn * pace for begin, size in placed for turn in (0, *inner[size])]

    def _rounds(self, horizon: Horizon, ticks: int | None) -> "_Rounds":
        if self.times is not None:
            return _equal_rounds(known(self, horizon, ticks), self.times)
        every = period_of(self, "every", horizon)
        end = MOST_TICKS if ticks is None else max(ticks, 1)
        if self.stretch == 1:
            return _Rounds(range(0, end, every), [every], 1)
        begins, sizes = [0], [every]
        while begins[-1] + sizes[-1] < end:
            begins.append(begins[-1] + sizes[-1])
            sizes.append(min(sizes[-1] * self.stretch, MOST_TICKS))
        return _Rounds(begins, sizes, 1)


class _Rounds(NamedTuple):
    """Where repetitions begin, counted in parts of a tick, what their horizons are, and the parts of a tick.

    The horizons are listed once where all are the same.
    """

    begins: Sequence[int]
    sizes: Sequence[int]
    parts: int


class _Last(NamedTuple):
    """The end, which is the last repetition's, not the next one's; infinite where there is none."""

    end: float
    repetition: float


def _equal_rounds(ticks: int, times: int) -> _Rounds:
    """Repetitions of ticks ÷ times each: whole ticks, or as many parts of a tick as there are ticks."""
    if ticks % times == 0:
        size = ticks // times
        return _Rounds(range(0, times * max(size, 1), max(size, 1)), [size], 1)
    return _Rounds(range(0, times * ticks, ticks), [max(nearest_tick(Fraction(ticks, times)), 1)], times)


def _even(once: Factor, period: int, factor: float, last: _Last) -> Factor:
    end, final = last

    def at(t: float) -> float:
        k = final if t >= end else t // period
        return finite(once(t - k * period) * factor**k)

    return at


def _shared(once: Factor, size: int, parts: int, factor: float, last: _Last) -> Factor:
    """Repetitions that begin between two ticks: counted in parts of a tick, which are whole."""
    end, final = last

    def at(t: float) -> float:
        k = final if t >= end else t * parts // end
        return finite(once((t * parts - k * end) * size / end) * factor**k)

    return at


def _growing(over: Sequence[Factor], begins: Sequence[int], factor: float) -> Factor:
    def at(t: float) -> float:
        k = bisect_right(begins, t) - 1
        return finite(over[k](t - begins[k]) * factor**k)

    return at


COMBINED["repeat"] = repeat
