"""What every schedule is: a frozen object that becomes a function of the tick once the horizon is known."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, ClassVar, NamedTuple

from paramgroups.errors import ScheduleError, shown
from paramgroups.schedules.checks import MOST_TICKS
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.layout import Part, lay_out
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.settings import CHECKS, Checks
from paramgroups.schedules.turning import Turns

Factor = Callable[[float], float]
"""The factor at a tick; the first tick is 0."""
COMBINED: dict[str, Callable[..., "Shape"]] = {}
"""What the methods of a schedule make of it, by name.

These are shapes, so their modules import this one, and it cannot import them: each enters its own here.
"""
NO_NUMBER = (TypeError, ValueError, RuntimeError)
"""What arithmetic raises of texts, arrays and tensors. What a user's function raises is our error by then."""


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

    @property
    def opaque(self) -> bool:
        """Whether it holds a user's function, so that no data say it all."""
        return any(shape.opaque for shape in self.shapes)

    @property
    def depth(self) -> int:
        """How many schedules stand within each other; a chain is no deeper than its deepest part."""
        return max(shape.depth for shape in self.shapes)

    def pieces(self, horizon: Horizon) -> tuple[Piece, ...]:
        """Its shapes with every length resolved; one that takes no tick has `ticks` 0.

        Without a known end, the parts after one that runs on are left out: they have not begun.

        Raises:
            ScheduleError: The lengths do not fit the horizon, or need what it does not know.
        """
        if not isinstance(horizon, Horizon):
            raise ScheduleError(f"{shown(horizon)} is no horizon. Write Horizon.of(steps=100).")
        spans = lay_out([Part(shape.word, shape.length) for shape in self.shapes], horizon)
        return tuple(Piece(*span, shape) for span, shape in zip(spans, self.shapes, strict=False))

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
        if len(acting) == 1:
            return acting[0].shape.spanning(horizon, acting[0].ticks)
        formulas = [piece.shape.formula(horizon, piece.ticks) for piece in acting]
        starts = [piece.start for piece in acting]
        later, end = starts[1:], _end(acting[-1])

        def at(t: float) -> float:
            try:
                if not 0 <= t <= end:
                    t = _held(t, end)
                i = bisect_right(later, t)
                return formulas[i](t - starts[i])
            except OverflowError:
                raise acting[i].shape.too_large(t - starts[i]) from None
            except NO_NUMBER as error:
                if isinstance(t, Real):  # then it is the formula that fails
                    raise
                raise _no_tick(t) from error

        return at

    def turns_over(self, horizon: Horizon) -> Turns | None:
        """The ticks at which its factor may turn or jump; None where all must be looked at.

        >>> from paramgroups.schedules import cosine, warmup
        >>> warmup(5).then(cosine()).turns_over(Horizon.of(steps=20))
        (0, 5, 5, 20)
        """
        found: list[float] = []
        for start, ticks, shape in self._acting(horizon):
            turns = shape.turns(horizon, ticks)
            if turns is None:
                return None
            found += [start, *(start + turn for turn in turns), *([] if ticks is None else [start + ticks])]
        return tuple(found)

    def piece_at(self, horizon: Horizon, t: float) -> Piece:
        """The piece that gives the factor at tick `t`.

        >>> from paramgroups.schedules import cosine, warmup
        >>> warmup("10%").then(cosine()).piece_at(Horizon.of(steps=20), 5)
        Piece(start=2, ticks=18, shape=cosine())
        """
        acting = self._acting(horizon)
        return acting[bisect_right([piece.start for piece in acting[1:]], t)]

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

    def __mul__(self, other: "Schedule") -> "Shape":
        return COMBINED["product"](self, other)

    def __rmul__(self, other: object) -> "Shape":
        return COMBINED["product"](other, self)

    def repeat(
        self,
        *,
        every: Length | None = None,
        times: int | None = None,
        stretch: int = 1,
        factor: float = 1.0,
        length: Length | None = None,
    ) -> "Shape":
        """This over and over: see `paramgroups.schedules.repeat`.

        >>> from paramgroups.schedules import cosine
        >>> cosine().repeat(every="10 epochs", factor=0.5)
        repeat(cosine(), every='10 epochs', factor=0.5)
        """
        settings = {"every": every, "times": times, "stretch": stretch, "factor": factor}
        return COMBINED["repeat"](self, **settings, length=length)

    def clamp(self, *, low: float = 0.0, high: float | None = None, length: Length | None = None) -> "Shape":
        """This, never below `low` nor above `high`: see `paramgroups.schedules.clamp`.

        >>> from paramgroups.schedules import exponential
        >>> exponential(0.9).clamp(low=0.1)
        clamp(exponential(0.9), low=0.1)
        """
        return COMBINED["clamp"](self, low=low, high=high, length=length)

    def within(
        self,
        *,
        start: Length | None = None,
        until: Length | None = None,
        length: Length | None = None,
    ) -> "Shape":
        """This from `start` to before `until`, 1 outside: see `paramgroups.schedules.window`.

        >>> from paramgroups.schedules import constant
        >>> constant(0.1).within(start="20%", until="50%")
        window(constant(0.1), start='20%', until='50%')
        """
        return COMBINED["window"](self, start=start, until=until, length=length)


def _end(last: Piece) -> int:
    return MOST_TICKS if last.ticks is None else last.start + last.ticks


def _held(t: float, end: float) -> float:
    """The tick at which a factor is held that is asked before the first tick, or past the end."""
    if t < 0:
        return 0
    if t > end:
        return end
    raise _no_tick(t)  # NaN is neither


def _no_tick(t: object) -> ScheduleError:
    return ScheduleError(f"{shown(t)} is no tick. Ask at a number: the first tick is 0.")


@dataclass(frozen=True, repr=False, kw_only=True)
class Shape(Schedule):
    """One formula. A new shape is a frozen dataclass of its settings, and `formula`.

    Attributes:
        monotone: Whether its factor never turns, so that its smallest and largest are at its ends.
        checks: What reads each of its settings.
        length: How long it takes; None: all that the horizon and the parts beside it leave.
    """

    monotone: ClassVar[bool] = False
    checks: ClassVar[Checks] = CHECKS
    length: Length | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                read = self.checks[field.name](f"{self.word}: {field.name}", value)
                object.__setattr__(self, field.name, read)

    @abstractmethod
    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick of its own, asked from 0 to `ticks` (both included) alone.

        Args:
            horizon: What it stands in: what other lengths than its own are resolved against.
            ticks: How long this shape takes; None where training has no known end.
        """

    def turns(self, horizon: Horizon, ticks: int | None) -> Turns | None:  # noqa: ARG002 - shapes differ
        """Its own ticks at which its factor may turn or jump; None: any of unknown many.

        What is not monotone may turn at every tick, unless its shape knows better.
        """
        if self.monotone:
            return ()
        return None if ticks is None else range(ticks + 1)

    @property
    def opaque(self) -> bool:
        """Whether it holds a user's function, so that no data say it all."""
        return False

    @property
    def depth(self) -> int:
        """How many shapes stand within each other, itself included."""
        return 1

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
        end = MOST_TICKS if ticks is None else ticks

        def at(t: float) -> float:
            try:
                if not 0 <= t <= end:
                    t = _held(t, end)
                return formula(t)
            except OverflowError:
                raise self.too_large(t) from None
            except NO_NUMBER as error:
                if isinstance(t, Real):  # then it is the formula that fails
                    raise
                raise _no_tick(t) from error

        return at

    def too_large(self, t: float) -> ScheduleError:
        """The error where its factor is past the largest number."""
        return ScheduleError(
            f"{self.word} is too large for a number at tick {t:,.15g}. Give it a smaller factor."
        )

    @classmethod
    def of_settings(cls, **settings: Any) -> "Shape":
        """The shape that its settings describe."""
        return cls(**settings)

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
        object.__setattr__(self, "parts", _in_a_row(self.parts))
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


def a_schedule(what: str, value: object) -> Schedule:
    """A schedule; `what` is empty where it has no name."""
    if isinstance(value, Schedule):
        return value
    asked = f"{what}={shown(value)}" if what else shown(value)
    if isinstance(value, Real) and not isinstance(value, bool):
        times = f"constant({shown(value)})"
        raise ScheduleError(f"{asked} is a number. Write {times}, as in {times} * linear().")
    raise ScheduleError(f"{asked} is no schedule. Write one, such as cosine(end=0.01).")


def _in_a_row(parts: Iterable[object]) -> tuple[Shape, ...]:
    found: list[Shape] = []
    for part in parts:
        found.extend(a_schedule("", part).shapes)
    if not found:
        raise ScheduleError("A chain has no parts. Write at least one, such as cosine(end=0.01).")
    return tuple(found)


def chained(parts: Iterable[Schedule]) -> Schedule:
    """One shape as it is, several as a chain."""
    shapes = _in_a_row(parts)
    return shapes[0] if len(shapes) == 1 else Chain(shapes)
