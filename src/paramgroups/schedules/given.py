# ruff: noqa: N801 - a shape is written as a word in a recipe, and its repr pastes back
"""Shapes whose numbers the user gives: a function of progress, and a table of ticks."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field

from paramgroups.errors import ScheduleError
from paramgroups.schedules.checks import factor
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.schedule import Factor, Piece, Schedule, Shape, chained
from paramgroups.schedules.shapes import OfProgress


@dataclass(frozen=True, repr=False)
class function(OfProgress):
    """A function of your own: f(u) = fn(u).

    It is called whenever a factor is asked, also to preview, so it must be pure. It is saved as the table of
    its values. Its `repr` pastes back where the function's own name is known, so not for a lambda.

    Args:
        label: Its name, in tables, errors and files.
        fn: From progress (0 to 1) to a factor: a finite number of 0 or more.
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

    def at(self, u: float) -> float:
        """The factor at progress `u`."""
        asked = f'function "{self.label}" at progress {u:.6g}'
        try:
            found = self.fn(u)
        except Exception as error:
            raise ScheduleError(
                f"{asked} raised {type(error).__name__}: {error}. Mend the function."
            ) from error
        return factor(f"{asked}: factor", found)


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
    """The same schedule with each function of the user's as the table of its values.

    The table holds one value per tick and the one at progress 1, so both agree at every whole tick, also
    past the end. It is for this horizon: over another it does not stretch.

    Raises:
        ScheduleError: A function raises, returns no factor, or has no length over this horizon.

    Example:
        >>> tabulate(function("down", lambda u: 1 - u), Horizon.of(steps=4))
        table((1.0, 0.75, 0.5, 0.25, 0.0), label='down')
    """
    return chained(_without_function(piece, horizon) for piece in schedule.pieces(horizon))


def _without_function(piece: Piece, horizon: Horizon) -> Shape:
    shape = piece.shape
    if not isinstance(shape, function):
        return shape
    at = shape.spanning(horizon, piece.ticks)
    values = tuple(at(t) for t in range((piece.ticks or 0) + 1))
    return table(values, label=shape.label, length=shape.length)
