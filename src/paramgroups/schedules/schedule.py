"""What every schedule is: a frozen object that becomes a function of the tick once the horizon is known."""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

from paramgroups.errors import ScheduleError
from paramgroups.schedules.checks import shown
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.layout import Part, lay_out
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.settings import CHECKS

Factor = Callable[[float], float]
"""The factor at a tick; the first tick is 0."""


class Piece(NamedTuple):
    """A shape and its place in training.

    Attributes:
        start: Its first tick.
        ticks: How many ticks it takes; None where training has no known end.
        shape: What acts.
    """

    start: int
    ticks: int | None
    shape: "Shape"


class Schedule(ABC):
    """A pure function from training progress to a factor: frozen, comparable, and its `repr` pastes back."""

    @property
    @abstractmethod
    def shapes(self) -> tuple["Shape", ...]:
        """What it is made of, in time order."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Its name for people."""

    def pieces(self, horizon: Horizon) -> tuple[Piece, ...]:
        """Its shapes with every length resolved; one that takes no tick has `ticks` 0.

        Raises:
            ScheduleError: The lengths do not fit the horizon, or need what it does not know.
        """
        if not isinstance(horizon, Horizon):
            raise ScheduleError(f"{shown(horizon)} is no horizon. Write Horizon.of(steps=100).")
        spans = lay_out([Part(shape.word, shape.length) for shape in self.shapes], horizon)
        return tuple(Piece(*span, shape) for span, shape in zip(spans, self.shapes, strict=True))

    def over(self, horizon: Horizon) -> Factor:
        """The factor at every tick of a training, lengths resolved once.

        Before tick 0 it is as at 0; past the end it holds the value at progress 1. A piece of 0 ticks
        is passed over, unless there is no other.

        Args:
            horizon: How long training is.

        Raises:
            ScheduleError: The lengths do not fit the horizon, or need what it does not know.

        Example:
            >>> from paramgroups.schedules import cosine, warmup
            >>> at = warmup("10%").then(cosine(end=0.1)).over(Horizon.of(steps=20))
            >>> [round(at(t), 3) for t in (0, 1, 2, 11, 20, 99)]
            [0.5, 1.0, 1.0, 0.55, 0.1, 0.1]
        """
        acting = self._acting(horizon)
        starts = [piece.start for piece in acting]
        parts = [piece.shape.spanning(horizon, piece.ticks) for piece in acting]

        def at(t: float) -> float:
            i = _last_begun(starts, t)
            return parts[i](t - starts[i])

        return parts[0] if len(parts) == 1 else at

    def piece_at(self, horizon: Horizon, t: float) -> Piece:
        """The piece that gives the factor at tick `t`.

        >>> from paramgroups.schedules import cosine, warmup
        >>> warmup("10%").then(cosine()).piece_at(Horizon.of(steps=20), 5)
        Piece(start=2, ticks=18, shape=cosine())
        """
        acting = self._acting(horizon)
        return acting[_last_begun([piece.start for piece in acting], t)]

    def _acting(self, horizon: Horizon) -> tuple[Piece, ...]:
        pieces = self.pieces(horizon)
        return tuple(piece for piece in pieces if piece.ticks != 0) or pieces[-1:]

    def then(self, other: "Schedule") -> "Chain":
        """This, and after its last tick the other; each counts its own steps.

        Raises:
            ScheduleError: Two parts have no length, or the other is no schedule.

        Example:
            >>> from paramgroups.schedules import cosine, warmup
            >>> warmup("5%").then(cosine(end=0.01))
            warmup('5%').then(cosine(end=0.01))
        """
        return Chain((self, other))


def _last_begun(starts: Sequence[int], t: float) -> int:
    return max(bisect_right(starts, t) - 1, 0)


@dataclass(frozen=True, repr=False, kw_only=True)
class Shape(Schedule):
    """One formula. A new shape is a frozen dataclass of its settings, and `formula`.

    Attributes:
        monotone: Whether its factor never turns, so that its smallest and largest are at its ends.
        length: How long it takes; None: all that the horizon and the parts beside it leave.
    """

    monotone: ClassVar[bool] = False
    length: Length | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                read = CHECKS[field.name](f"{self.word}: {field.name}", value)
                object.__setattr__(self, field.name, read)

    @abstractmethod
    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick of its own, asked from 0 to `ticks` (both included) alone.

        Args:
            horizon: Of the whole training: what other lengths than its own are resolved against.
            ticks: How long this shape takes; None where training has no known end.
        """

    @property
    def word(self) -> str:
        """What it is written as."""
        return type(self).__name__

    @property
    def title(self) -> str:
        """Its word, or the label that the user gave."""
        return getattr(self, "label", None) or self.word

    @property
    def shapes(self) -> tuple["Shape", ...]:
        """Itself."""
        return (self,)

    def spanning(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The formula over so many ticks: as at 0 before them, as at the end after them."""
        formula = self.formula(horizon, ticks)
        end = math.inf if ticks is None else ticks

        def at(t: float) -> float:
            try:
                return formula(min(max(t, 0), end))
            except OverflowError:
                raise ScheduleError(
                    f"{self.word} is too large for a number at tick {t:,.15g}. Give it a smaller factor."
                ) from None

        return at

    def settings(self) -> dict[str, Any]:
        """What differs from the defaults, in the order of writing."""
        ordered = sorted(fields(self), key=lambda field: (field.kw_only, field.name == "length"))
        found = {field.name: (getattr(self, field.name), field.default) for field in ordered}
        return {name: value for name, (value, default) in found.items() if value != default}

    def __repr__(self) -> str:
        named = {field.name for field in fields(self) if field.kw_only}
        written = [f"{k}={_paste(v)}" if k in named else _paste(v) for k, v in self.settings().items()]
        return f"{self.word}({', '.join(written)})"


def _paste(value: object) -> str:
    return str(getattr(value, "__qualname__", None) or repr(value))


@dataclass(frozen=True, repr=False)
class Chain(Schedule):
    """Shapes one after another, each counting its own steps. A chain within a chain is opened.

    Attributes:
        parts: At least one schedule; at most one shape without a length, which fills the rest.
    """

    parts: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _opened(self.parts))
        filling = [shown(shape) for shape in self.shapes if shape.length is None]
        if len(filling) > 1:
            raise ScheduleError(
                f"{' and '.join(filling)} both fill the rest of training, and only one part of a chain can."
                f' Give one of them a length, such as length="10%".'
            )

    @property
    def title(self) -> str:
        """The names of its shapes."""
        return " then ".join(shape.title for shape in self.shapes)

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Its parts."""
        return tuple(shape for part in self.parts for shape in part.shapes)

    def __repr__(self) -> str:
        first, *others = map(repr, self.shapes)
        return first + "".join(f".then({other})" for other in others)


def _opened(parts: Iterable[object]) -> tuple[Shape, ...]:
    found: list[Shape] = []
    for part in parts:
        if not isinstance(part, Schedule):
            raise ScheduleError(f"{shown(part)} is no schedule. Write one, such as cosine(end=0.01).")
        found.extend(part.shapes)
    if not found:
        raise ScheduleError("A chain has no parts. Write at least one, such as cosine(end=0.01).")
    return tuple(found)


def chained(parts: Iterable[Schedule]) -> Schedule:
    """One shape as it is, several as a chain."""
    shapes = _opened(parts)
    return shapes[0] if len(shapes) == 1 else Chain(shapes)
