# ruff: noqa: N801 - a shape is written as a word in a recipe, and its repr pastes back
"""The shapes of progress: t is a shape's own tick, n its length, u = t ÷ n its progress."""

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
    def along(self, n: float) -> Factor:
        """The factor at tick t of n, from 0 to n; n is above 0."""

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick, through progress."""
        n = known(self, horizon, ticks)
        if n:
            return self.along(n)
        end = self.along(1)(1.0)
        return lambda _: end


def known(shape: Shape, horizon: Horizon, ticks: int | None) -> int:
    """How long a shape takes, for those that need to know.

    Raises:
        ScheduleError: Training has no known end.
    """
    if ticks is None:
        raise ScheduleError(
            f"{shape.word} needs to know how long it takes, and training has {horizon}."
            f" Give steps=, or {shape.word}(length=…)."
        )
    return ticks


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
        factor = self.factor
        return lambda _: factor


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

    def along(self, n: float) -> Factor:
        """The factor at tick t of n."""
        start, end = self.start, self.end
        return lambda t: start * (1 - t / n) + end * (t / n)


@dataclass(frozen=True, repr=False, kw_only=True)
class cosine(OfProgress):
    """Half a cosine from 1 down to a floor: f(u) = end + (start − end) × (1 + cos πu) ÷ 2.

    Over n ticks it is torch's `CosineAnnealingLR(T_max=n, eta_min=end × base)`, but past n it stays at its
    floor, where torch's climbs again. From Loshchilov and Hutter, arXiv:1608.03983, without restarts.
    `cosine(start=0, end=1, length=n)` is a warm-up.

    Args:
        start: Factor at progress 0.
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

    start: float = 1.0
    end: float = 0.0

    def along(self, n: float) -> Factor:
        """The factor at tick t of n."""
        end, height, pi, cos = self.end, self.start - self.end, math.pi, math.cos
        return lambda t: end + height * (1 + cos(pi * (t / n))) / 2


@dataclass(frozen=True, repr=False, kw_only=True)
class polynomial(OfProgress):
    """A power of what remains: f(u) = end + (start − end) × (1 − u) ^ power.

    With `end=0` over n ticks it is torch's `PolynomialLR(total_iters=n, power=power)`.

    Args:
        power: 1 is a straight line; above 1 falls early, below 1 late.
        start: Factor at progress 0.
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
    start: float = 1.0
    end: float = 0.0

    def along(self, n: float) -> Factor:
        """The factor at tick t of n."""
        end, height, power = self.end, self.start - self.end, self.power
        return lambda t: end + height * math.pow(1 - t / n, power)


@dataclass(frozen=True, repr=False, kw_only=True)
class one_minus_sqrt(OfProgress):
    """A fall that is steep at first: f(u) = end + (start − end) × (1 − √u).

    The decay after a stable phase of Hägele et al., arXiv:2405.18392 ("1-sqrt").

    Args:
        start: Factor at progress 0.
        end: Factor at progress 1, held from then on.
        length: How long it takes.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> at = one_minus_sqrt(end=0.1).over(Horizon.of(steps=100))
        >>> at(0), at(25), at(100)
        (1.0, 0.55, 0.1)
    """

    monotone: ClassVar[bool] = True

    start: float = 1.0
    end: float = 0.0

    def along(self, n: float) -> Factor:
        """The factor at tick t of n."""
        end, height, sqrt = self.end, self.start - self.end, math.sqrt
        return lambda t: end + height * (1 - sqrt(t / n))


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
