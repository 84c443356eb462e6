# ruff: noqa: N801 - a shape is written as a word in a recipe, and its repr pastes back
"""Shapes whose numbers the user gives: a function of progress or of the tick, and a table of ticks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from paramgroups.errors import ScheduleError
from paramgroups.schedules.checks import factor, finite
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.schedule import Factor, Piece, Schedule, Shape, chained
from paramgroups.schedules.shapes import known


@dataclass(frozen=True, repr=False)
class function(Shape):
    """A function of your own: f(u) = fn(u), or with `of="tick"` f(t) = fn(t), as torch's `LambdaLR` has it.

    It is called whenever a factor is asked, also to preview, so it must be pure. It is saved as the table of
    its values. Its `repr` pastes back where the function's own name is known, so not for a lambda.

    Args:
        label: Its name, in tables, errors and files.
        fn: From progress (0 to 1) or the tick to a factor: a finite number of 0 or more.
        of: What `fn` is given: `"progress"`, or its own `"tick"` (0, 1, …), which needs no known end.
        length: How long it takes.

    Raises:
        ScheduleError: `label` is no text, or `fn` no function; when it is evaluated: `fn` raises, or returns
            what is no factor.

    Example:
        >>> at = function("square", lambda u: (1 - u) ** 2).over(Horizon.of(steps=10))
        >>> at(0), at(5), at(10)
        (1.0, 0.25, 0.0)
    """

    label: str
    fn: Callable[[float], float] = field(hash=False)
    _: KW_ONLY
    of: Literal["progress", "tick"] = "progress"

    @property
    def opaque(self) -> bool:
        """It is code."""
        return True

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:
        """The factor at a tick."""
        ask = asking(self.fn, f'function "{self.label}" at {self.of}')
        if self.of == "tick":
            return ask
        n = known(self, horizon, ticks)
        return lambda t: ask(t / n if n else 1.0)


@dataclass(frozen=True, repr=False)
class multiplicative(Shape):
    """A function of your own for each tick's share of the one before: f(t) = fn(1) × fn(2) × … × fn(t).

    It is torch's `MultiplicativeLR`. The products are remembered, so `fn` is called once for each tick; it
    must be pure. It is saved as the table of its values.

    Args:
        label: Its name, in tables, errors and files.
        fn: From the tick (1, 2, …) to what it multiplies by: a finite number of 0 or more.
        length: How long it takes.

    Raises:
        ScheduleError: `label` is no text, or `fn` no function; when it is evaluated: `fn` raises, or returns
            what is no factor.

    Example:
        >>> at = multiplicative("slowing", lambda t: 1 - 1 / (t + 1)).over(Horizon.of())
        >>> at(0), at(1), at(3)
        (1.0, 0.5, 0.25)
    """

    label: str
    fn: Callable[[int], float] = field(hash=False)

    @property
    def opaque(self) -> bool:
        """It is code."""
        return True

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:  # noqa: ARG002 - no end is needed
        """The factor at a tick."""
        ask = asking(self.fn, f'multiplicative "{self.label}" at tick')
        products = [1.0]

        def at(t: float) -> float:
            while len(products) <= t:
                products.append(finite(products[-1] * ask(len(products))))
            return products[int(t)]

        return at


def asking(fn: Callable[..., float], asked: str) -> Factor:
    """A user's function, with what it returns checked; an error says of which number it was asked."""

    def ask(x: float) -> float:
        try:
            found = fn(x)
        except Exception as error:
            raise ScheduleError(
                f"{asked} {x:.6g} raised {type(error).__name__}: {error}. Mend the function."
            ) from error
        if type(found) is float and 0 <= found < math.inf:
            return found
        return factor(f"{asked} {x:.6g}: factor", found)

    return ask


@dataclass(frozen=True, repr=False)
class table(Shape):
    """A number for each tick: f(t) = values[floor t], and the last is held.

    Args:
        values: The factors, the first tick's first.
        label: Its name, in tables and errors.
        length: How long it takes; None: all that is left, however many values there are.

    Raises:
        ScheduleError: There is no value, or one is not a finite number of 0 or more.

    Example:
        >>> at = table([1.0, 0.5, 0.2]).over(Horizon.of(steps=10))
        >>> [at(t) for t in range(5)]
        [1.0, 0.5, 0.2, 0.2, 0.2]
    """

    values: Sequence[float]
    _: KW_ONLY
    label: str | None = None

    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:  # noqa: ARG002 - the last is held
        """The factor at a tick."""
        values, last = self.values, len(self.values) - 1
        return lambda t: values[int(min(t, last))]


def tabulate(schedule: Schedule, horizon: Horizon) -> Schedule:
    """The same schedule with each part that holds a function of the user's as the table of its values.

    The table holds one value per tick and the one at progress 1, so both agree at every whole tick, also
    past the end. It is for this horizon: over another it does not stretch. A combination that holds a
    function is one table.

    Raises:
        ScheduleError: A function raises, returns no factor, or has no known end over this horizon.

    Example:
        >>> tabulate(function("down", lambda u: 1 - u), Horizon.of(steps=4))
        table((1.0, 0.75, 0.5, 0.25, 0.0), label='down')
    """
    pieces = schedule.pieces(horizon)
    unbegun = schedule.shapes[len(pieces) :]
    return chained([*(_without_function(piece, horizon) for piece in pieces), *unbegun])


def _without_function(piece: Piece, horizon: Horizon) -> Shape:
    shape = piece.shape
    if not shape.opaque:
        return shape
    at = shape.spanning(horizon, piece.ticks)
    if piece.ticks is None:
        raise ScheduleError(
            f'{shape.word} "{shape.title}" has no table, since training has {horizon}.'
            f" Give steps=, or {shape.word}(length=…)."
        )
    values = tuple(at(t) for t in range(piece.ticks + 1))
    return table(values, label=shape.title, length=shape.length)
