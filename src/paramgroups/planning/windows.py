"""When a rule acts: the windows that it gives, in ticks."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest

from paramgroups.errors import ParamGroupsError, PlanError
from paramgroups.indexing import Row
from paramgroups.rules import RowValue, Rule
from paramgroups.schedules import Horizon, Length
from paramgroups.schedules.lengths import length

Bounds = tuple[Length | None, Length | None]
Window = tuple[float, float]
ALWAYS: Window = (0, math.inf)
WHOLE_RUN = {
    "optimizer": "groups never change in training",
    "decay": "weights would be pulled by a thousand times as much from one step to the next",
}
"""What has no window, and why."""


def bounds_at(rule: Rule, rows: Sequence[Row]) -> list[Bounds]:
    """The start and the end of a rule for each of the rows that it matches.

    Raises:
        PlanError: A function of the row gives what is no length.
    """
    start, until = _column("start", rule.start, rows), _column("until", rule.until, rows)
    return list(zip(start, until, strict=True))


def _column(name: str, value: Length | RowValue | None, rows: Sequence[Row]) -> Sequence[Length | None]:
    if not isinstance(value, RowValue):
        return [value] * len(rows)
    known: dict[object, Length | None] = {}
    found = []
    for given, row in zip(value.resolve(rows) if rows else [], rows, strict=True):
        key = (type(given), given) if isinstance(given, (int, str)) else row.name
        if key not in known:
            known[key] = _bound(name, value, given, row)
        found.append(known[key])
    return found


def _bound(name: str, value: RowValue, given: object, row: Row) -> Length | None:
    with _told_for(row, value):
        return None if given is None else length(name, given)


@contextmanager
def _told_for(row: Row | None, *values: object) -> Iterator[None]:
    """Errors begin with the function of the row, and the parameter, that they come from."""
    try:
        yield
    except ParamGroupsError as error:
        if row is None:
            raise
        labels = " and ".join(dict.fromkeys(value.label for value in values if isinstance(value, RowValue)))
        raise PlanError(f'{labels} for "{row.name}": {error}') from error


def windows_of(
    rule: Rule, bounds: Sequence[Bounds], horizon: Horizon, rows: Sequence[Row] = ()
) -> tuple[Window, ...]:
    """From which tick to before which a rule acts. Past the end of training it goes on as it was.

    Args:
        rule: The rule.
        bounds: The starts and ends that it gives.
        horizon: How long training is.
        rows: For each of the bounds a parameter that has them, where they differ from row to row. There an
            empty window says that the rule does not act.

    Raises:
        ScheduleError: The horizon does not know what a length asks.
        PlanError: A window is empty or runs backwards, or the rule says what holds for the whole run.
    """
    found = []
    for pair, row in zip_longest(bounds, rows):
        values = () if row is None else (rule.start, rule.until)
        with _told_for(row if any(isinstance(value, RowValue) for value in values) else None, *values):
            found.append(_window(rule, pair, horizon))
    return tuple(found)


def _window(rule: Rule, bounds: Bounds, horizon: Horizon) -> Window:
    start, until = bounds
    first = 0 if start is None else horizon.length(start, "start")
    last = math.inf if until is None else horizon.length(until, "until")
    differs = isinstance(rule.start, RowValue) or isinstance(rule.until, RowValue)
    if first > last or (first == last and not differs):
        raise PlanError(
            f"start={start!r}, until={until!r}: the window from {horizon.unit} {first:,} to "
            f"before {horizon.unit} {last:,g} is empty. Let it end after it starts."
        )
    window = first, math.inf if horizon.ticks and first < last >= horizon.ticks else last
    if window != ALWAYS and (asked := [name for name in WHOLE_RUN if name in rule.settings]):
        raise PlanError(
            f"{asked[0]}= holds for the whole run, since {WHOLE_RUN[asked[0]]}: take start= and until= "
            "off, or give it a rule of its own."
        )
    return window
