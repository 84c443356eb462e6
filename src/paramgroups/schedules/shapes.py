# ruff: noqa: N801 - a shape is written as a word in a recipe, and its repr pastes back
"""The shapes with a formula of their own. t is a shape's own tick, n its length, u = t ÷ n its progress."""

import math
from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from paramgroups.errors import ScheduleError
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.schedule import Factor, Shape


class OfProgress(Shape):
    """A shape that depends on progress alone. Over 0 ticks it is at its end."""

    @abstractmethod
    def at(self, u: float) -> float:
        """The factor at progress `u`, from 0 to 1."""

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick, through progress."""
        if ticks is None:
            raise ScheduleError(
                f"{self.word} needs to know how long it takes, and training has {horizon}."
                f" Give steps=, or {self.word}(length=…)."
            )
        return lambda t: self.at(t / ticks if ticks else 1.0)


@dataclass(frozen=True, repr=False)
class constant(Shape):
    """The same factor at every tick: f(t) = factor.

    `constant(1/3, length=5).then(constant())` is torch's `ConstantLR(factor=1/3, total_iters=5)`.

    Args:
        factor: What the base is multiplied by, 0 or more.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> constant(0.5).over(Horizon.of(steps=10))(3)
        0.5
    """

    monotone: ClassVar[bool] = True

    factor: float = 1.0

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:  # noqa: ARG002 - it never changes
        """The factor at a tick."""
        return lambda _: self.factor


@dataclass(frozen=True, repr=False, kw_only=True)
class linear(OfProgress):
    """A straight line: f(u) = start × (1 − u) + end × u.

    `linear(start=s, end=e)` over n ticks is torch's `LinearLR(start_factor=s, end_factor=e, total_iters=n)`.

    Args:
        start: Factor at progress 0.
        end: Factor at progress 1, held from then on.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> at = linear(end=0.5).over(Horizon.of(steps=10))
        >>> at(0), at(5), at(10), at(11)
        (1.0, 0.75, 0.5, 0.5)
    """

    monotone: ClassVar[bool] = True

    start: float = 1.0
    end: float = 0.0

    def at(self, u: float) -> float:
        """The factor at progress `u`."""
        return self.start * (1 - u) + self.end * u


@dataclass(frozen=True, repr=False, kw_only=True)
class cosine(OfProgress):
    """Half a cosine from 1 down to a floor: f(u) = end + (1 − end) × (1 + cos πu) ÷ 2.

    Over n ticks it is torch's `CosineAnnealingLR(T_max=n, eta_min=end × base)`, but past n it stays at its
    floor, where torch's climbs again. From Loshchilov and Hutter, arXiv:1608.03983, without restarts.

    Args:
        end: Factor at progress 1, a share of each group's own base; held from then on.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> at = cosine(end=0.1).over(Horizon.of(steps=100))
        >>> at(0), round(at(50), 6), at(100), at(200)
        (1.0, 0.55, 0.1, 0.1)
    """

    monotone: ClassVar[bool] = True

    end: float = 0.0

    def at(self, u: float) -> float:
        """The factor at progress `u`."""
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * u)) / 2


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
        every = _period(self.word, self.every, horizon)
        return lambda t: self.factor ** (t // every)


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
        every = _period(self.word, self.every, horizon)
        return lambda t: self.factor ** (t / every)


@dataclass(frozen=True, repr=False, kw_only=True)
class polynomial(OfProgress):
    """A power of what remains: f(u) = end + (1 − end) × (1 − u) ^ power.

    With `end=0` over n ticks it is torch's `PolynomialLR(total_iters=n, power=power)`.

    Args:
        power: 1 is a straight line; above 1 falls early, below 1 late.
        end: Factor at progress 1, held from then on.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> at = polynomial(power=2).over(Horizon.of(steps=10))
        >>> at(0), at(5), at(10)
        (1.0, 0.25, 0.0)
    """

    monotone: ClassVar[bool] = True

    power: float = 1.0
    end: float = 0.0

    def at(self, u: float) -> float:
        """The factor at progress `u`."""
        return self.end + (1 - self.end) * math.pow(1 - u, self.power)


@dataclass(frozen=True, repr=False)
class warmup(Shape):
    """A straight climb to 1: f(t) = (t + 1) ÷ n, so the first tick learns and the n-th is at 1.

    With `start=s` it is f(t) = s + (1 − s) × t ÷ n, at 1 one tick later: transformers has `start=0.0`,
    where the first update does nothing.

    Args:
        length: How long it takes, n. 0 ticks: none, the factor is 1.
        start: Factor at the first tick; None: 1 ÷ n.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> at = warmup(4).over(Horizon.of(steps=100))
        >>> [at(t) for t in range(6)]
        [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    monotone: ClassVar[bool] = True

    length: Length = field()  # without this the default of every shape, None, would be taken
    _: KW_ONLY
    start: float | None = None

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:  # noqa: ARG002 - its length is its own
        """The factor at a tick."""
        start = self.start
        if not ticks:
            return lambda _: 1.0
        if start is None:
            return lambda t: min((t + 1) / ticks, 1.0)
        return lambda t: start + (1 - start) * (t / ticks)


def _period(word: str, every: Length, horizon: Horizon) -> int:
    """The ticks between two cuts; a share of a short training may come to none."""
    ticks = horizon.length(every, f"{word}: every")
    if not ticks:
        raise ScheduleError(f"{word}: every={every!r} is less than a tick of {horizon}. Write every=1.")
    return ticks
