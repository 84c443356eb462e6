# ruff: noqa: N801 - a shape is written as a word in a recipe, and its repr pastes back
"""The cycle that goes on for as long as training does."""

import math
from dataclasses import dataclass

from paramgroups.errors import ScheduleError
from paramgroups.schedules.checks import finite
from paramgroups.schedules.decays import period_of
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.schedule import Factor, Shape
from paramgroups.schedules.turning import Turns


@dataclass(frozen=True, repr=False, kw_only=True)
class cyclic(Shape):
    """Up and down in straight lines, again and again: torch's `CyclicLR`, where the base is its `max_lr`.

    f(t) = start + (peak − start) × height × cycle_factor ^ cycle × tick_factor ^ t, where the height climbs
    from 0 to 1 in `up` ticks and falls in `down`. torch's `"triangular2"` is `cycle_factor=0.5`, its
    `"exp_range"` is `tick_factor=gamma`, its `base_lr` is `start × max_lr`. Its momentum goes the other way:
    `start=1, peak=base_momentum / max_momentum`, where the base is `max_momentum`. From Smith,
    arXiv:1506.01186.

    Args:
        start: Factor at the foot of each cycle.
        up: Ticks from the foot to the top.
        down: Ticks back; None: as many as up.
        peak: Factor at the top of the first cycle.
        cycle_factor: What each cycle's height is of the one before.
        tick_factor: What the height is of that of the tick before.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range, or a growing cycle falls, and would pass below 0.

    Example:
        >>> at = cyclic(start=0.5, up=10, cycle_factor=0.5).over(Horizon.of())
        >>> [at(t) for t in (0, 5, 10, 20, 30)]
        [0.5, 0.75, 1.0, 0.5, 0.75]
    """

    start: float
    up: Length
    down: Length | None = None
    peak: float = 1.0
    cycle_factor: float = 1.0
    tick_factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.peak < self.start and max(self.cycle_factor, self.tick_factor) > 1:
            raise ScheduleError(
                f"{self!r} falls from its start by more and more, until it is negative."
                " Write factors of at most 1, or a peak above the start."
            )

    def _ways(self, horizon: Horizon) -> tuple[int, int]:
        up = period_of(self, "up", horizon)
        return up, up if self.down is None else period_of(self, "down", horizon)

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:  # noqa: ARG002 - no end is needed
        """The factor at a tick."""
        up, down = self._ways(horizon)
        period, start, span = up + down, self.start, self.peak - self.start
        by_cycle, by_tick = self.cycle_factor, self.tick_factor

        def at(t: float) -> float:
            cycle, own = divmod(t, period)
            height = own / up if own <= up else (period - own) / down
            found: float = start + span * height * by_cycle**cycle * by_tick**t
            return finite(found)

        return at

    def turns(self, horizon: Horizon, ticks: int | None) -> Turns | None:
        """The feet and tops, and where the fall by tick outweighs a way: height ÷ its slope is −1 ÷ ln."""
        if ticks is None:
            return None
        up, down = self._ways(horizon)
        delay = 0.0 if self.tick_factor == 1 else -1 / math.log(self.tick_factor)
        feet = range(0, ticks + 1, up + down)
        if 4 * len(feet) > ticks:
            return range(ticks + 1)
        return [tick for foot in feet for tick in (foot, foot + up, foot + delay, foot + up + down + delay)]
