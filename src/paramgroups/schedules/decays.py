# ruff: noqa: N801 - a shape is written as a word in a recipe, and its repr pastes back
"""The shapes that fall tick by tick, and so need no end of training."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from paramgroups.schedules.horizon import Horizon, nearest_tick
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.places import place
from paramgroups.schedules.schedule import Factor, Shape


@dataclass(frozen=True, repr=False)
class step(Shape):
    """A cut at even distances: f(t) = factor ^ floor(t ÷ every). torch's `StepLR`.

    Args:
        factor: What each cut multiplies by.
        every: Ticks between two cuts.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> at = step(0.5, every=30).over(Horizon.of(steps=90))
        >>> at(0), at(29), at(30), at(60)
        (1.0, 1.0, 0.5, 0.25)
    """

    monotone: ClassVar[bool] = True

    factor: float = 0.1
    _: KW_ONLY
    every: Length

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:  # noqa: ARG002 - no end is needed
        """The factor at a tick."""
        every = period_of(self, "every", horizon)
        factor = self.factor
        return lambda t: factor ** (t // every)


@dataclass(frozen=True, repr=False)
class exponential(Shape):
    """A cut spread evenly over the ticks: f(t) = factor ^ (t ÷ every).

    With `every=1` it is torch's `ExponentialLR(gamma=factor)`. With `every="1 epoch"` the rate has fallen by
    `factor` when an epoch is over, and falls a little with each update on the way.

    Args:
        factor: What `every` ticks multiply by.
        every: Ticks in which it does.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> at = exponential(0.25, every="1 epoch").over(Horizon.of(epochs=3, steps_per_epoch=10))
        >>> at(0), at(5), at(10), at(20)
        (1.0, 0.5, 0.25, 0.0625)
    """

    monotone: ClassVar[bool] = True

    factor: float
    _: KW_ONLY
    every: Length = 1

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:  # noqa: ARG002 - no end is needed
        """The factor at a tick."""
        every = period_of(self, "every", horizon)
        factor = self.factor
        return lambda t: factor ** (t / every)


@dataclass(frozen=True, repr=False)
class milestones(Shape):
    """A cut at each of some ticks: f(t) = factor ^ (how many of `at` are not after t). torch's `MultiStepLR`.

    Args:
        factor: What each cut multiplies by.
        at: The ticks, in any order; shares are of this schedule's own length. Twice the same cuts twice.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range, or a tick is past the end.

    Example:
        >>> at = milestones(0.5, at=(30, "60%")).over(Horizon.of(steps=100))
        >>> at(29), at(30), at(60)
        (1.0, 0.5, 0.25)
    """

    monotone: ClassVar[bool] = True

    factor: float = 0.1
    _: KW_ONLY
    at: Sequence[Length]

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick."""
        cuts = sorted(nearest_tick(place(self.word, "at", one, horizon, ticks)) for one in self.at)
        factor = self.factor
        return lambda t: factor ** bisect_right(cuts, t)


@dataclass(frozen=True, repr=False)
class inverse_sqrt(Shape):
    """A fall that never ends: f(t) = √(timescale ÷ (t + timescale)).

    `warmup(n, start=0.0).then(inverse_sqrt(n))` is the schedule of Vaswani et al., arXiv:1706.03762, and
    transformers' `get_inverse_sqrt_schedule`; Zhai et al., arXiv:2106.04560, name the timescale. It needs no
    length, so it serves a training that may be extended.

    Args:
        timescale: Ticks in which it falls to √½, and in three times as many to ½.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> at = inverse_sqrt(100).over(Horizon.of())
        >>> at(0), at(300), at(9900)
        (1.0, 0.5, 0.1)
    """

    monotone: ClassVar[bool] = True

    timescale: Length

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:  # noqa: ARG002 - no end is needed
        """The factor at a tick."""
        scale, sqrt = period_of(self, "timescale", horizon), math.sqrt
        return lambda t: sqrt(scale / (t + scale))


def period_of(shape: Shape, setting: str, horizon: Horizon) -> int:
    """The ticks of a shape's period: at least one, for a share of a short training may come to none.

    Raises:
        ScheduleError: It asks what the horizon does not know.
    """
    return max(horizon.length(getattr(shape, setting), f"{shape.word}: {setting}"), 1)
