"""A schedule as plain data, for TOML: `{use = "cosine", end = 0.01}`, or a list of those for a chain."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from typing import Any

from paramgroups.errors import ScheduleError, listing, nearest, shown
from paramgroups.schedules.combining import DEEPEST, clamp, product, window
from paramgroups.schedules.cycles import cyclic
from paramgroups.schedules.decays import exponential, inverse_sqrt, milestones, step
from paramgroups.schedules.given import table
from paramgroups.schedules.knots import one_cycle, piecewise, triangular
from paramgroups.schedules.repeating import repeat
from paramgroups.schedules.schedule import Schedule, Shape, chained
from paramgroups.schedules.shapes import constant, cosine, linear, one_minus_sqrt, polynomial, warmup

_PLAIN = (constant, cosine, exponential, inverse_sqrt, linear, milestones, one_minus_sqrt, polynomial, step)
_SHAPED = (cyclic, one_cycle, piecewise, table, triangular, warmup)
_COMBINED = (clamp, product, repeat, window)
SHAPES: dict[str, type[Shape]] = {shape.__name__: shape for shape in (*_PLAIN, *_SHAPED, *_COMBINED)}
"""What data may name. A user's function is no data; its table is."""

_EXAMPLE = 'Write {use = "cosine", end = 0.01}, or a list of such parts.'


def to_data(schedule: Schedule) -> dict[str, Any] | list[dict[str, Any]]:
    """A schedule as plain data; `from_data` gives an equal one.

    Raises:
        ScheduleError: It holds a user's function.

    Example:
        >>> from paramgroups.schedules import cosine, warmup
        >>> to_data(warmup("5%").then(cosine(end=0.01)))
        [{'use': 'warmup', 'length': '5%'}, {'use': 'cosine', 'end': 0.01}]
    """
    parts = [_entry(shape) for shape in schedule.shapes]
    return parts[0] if len(parts) == 1 else parts


def _entry(shape: Shape) -> dict[str, Any]:
    if shape.word not in SHAPES:
        raise ScheduleError(
            f'{shape.word} "{shape.title}" is code, and data holds none.'
            " Save the plan's recipe instead, plan.recipe.to_toml(): it has the table of its values."
        )
    return {"use": shape.word} | {name: _plain(value) for name, value in shape.settings().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Schedule):
        return to_data(value)
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def from_data(data: object, where: str) -> Schedule:
    """The schedule that plain data describe.

    Args:
        data: A table with `use` and a shape's settings, or a list of such tables.
        where: Where the data stand, as an error names it: `"rules[2].schedule"`.

    Raises:
        ScheduleError: The data describe no schedule.

    Example:
        >>> from_data([{"use": "warmup", "length": "5%"}, {"use": "cosine"}], "schedule")
        warmup('5%').then(cosine())
    """
    return _schedule(data, where, 1)


def _schedule(data: object, where: str, depth: int) -> Schedule:
    if depth > DEEPEST:
        raise ScheduleError(f"{where}: schedules stand within each other more than {DEEPEST} times.")
    if not isinstance(data, list):
        return _shape(data, where, depth)
    parts = [_shape(part, f"{where}[{number}]", depth) for number, part in enumerate(data, 1)]
    with _at(where):
        return chained(parts)


def _shape(data: object, where: str, depth: int) -> Shape:
    if not isinstance(data, dict):
        raise ScheduleError(f"{where} is {shown(data)}, no schedule. {_EXAMPLE}")
    if "use" not in data:
        raise ScheduleError(f"{where} has no key use. {_EXAMPLE}")
    settings = dict(data)
    shape = _named(settings.pop("use"), where)
    _check_keys(shape, settings, where)
    if "schedule" in settings:
        settings["schedule"] = _schedule(settings["schedule"], f"{where}.schedule", depth + 1)
    if "schedules" in settings:
        settings["schedules"] = _schedules(settings["schedules"], f"{where}.schedules", depth + 1)
    with _at(where):
        return shape.of_settings(**settings)


def _schedules(data: object, where: str, depth: int) -> list[Schedule]:
    if not isinstance(data, list):
        raise ScheduleError(f"{where} is {shown(data)}, no list of schedules. {_EXAMPLE}")
    return [_schedule(part, f"{where}[{number}]", depth) for number, part in enumerate(data, 1)]


def _named(use: object, where: str) -> type[Shape]:
    word = use if isinstance(use, str) else ""
    if word not in SHAPES:
        raise ScheduleError(f"{where}: use = {shown(use)} is no schedule. {nearest(word, SHAPES)}")
    return SHAPES[word]


def _check_keys(shape: type[Shape], settings: dict[Any, Any], where: str) -> None:
    known = [field.name for field in fields(shape)]
    for key in settings:
        if key not in known:
            found = f"{where}: {shape.__name__} has no setting {shown(key)}."
            raise ScheduleError(f"{found} {nearest(key if isinstance(key, str) else '', known)}")
    needed = [field.name for field in fields(shape) if field.default is MISSING]
    if absent := [name for name in needed if name not in settings]:
        raise ScheduleError(f"{where}: {shape.__name__} needs {listing(absent)}. Give {absent[0]} = ….")


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Names the place of what a schedule's own checks find."""
    try:
        yield
    except ScheduleError as error:
        raise ScheduleError(f"{where}: {error}") from error
