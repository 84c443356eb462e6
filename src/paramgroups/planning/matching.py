"""Which rules act on which parameters, and with which values: the only walk over all parameters."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from paramgroups.errors import NoMatchError, ParamGroupsError, PlanError
from paramgroups.indexing import Index, Row
from paramgroups.planning.windows import ALWAYS, Bounds, Window, bounds_at, windows_of
from paramgroups.rules import Assignment, Recipe, RowValue, Rule
from paramgroups.rules.rule import assignments
from paramgroups.schedules import Horizon
from paramgroups.select import Selection, Selector, nearest_match, rows_there

Codes = npt.NDArray[np.int64]
Pins = Mapping[str, Mapping[str, float]]
Interval = tuple[int, int]
LARGEST_KEY = 2**62


class Segment(NamedTuple):
    """Rows of one tensor that rules treat unlike the rest of it."""

    position: int
    start: int
    stop: int


@dataclass(frozen=True)
class Match:
    """What one rule matches.

    Attributes:
        rule: The rule.
        number: Its place in the recipe, from 1.
        codes: For each parameter 0 where the rule does not match all of it, else 1 + the place of its
            values in `values`.
        values: The distinct values that the rule gives, in the order of its assignments.
        parts: The rows that it matches where it matches a part of a tensor, with their code.
        bounds: For each of the values its start and end, as they are given.
        windows: The same in ticks.
    """

    rule: Rule
    number: int
    codes: Codes
    values: tuple[tuple[Any, ...], ...]
    parts: Mapping[int, tuple[tuple[Interval, ...], int]]
    bounds: tuple[Bounds, ...] = ((None, None),)
    windows: tuple[Window, ...] = (ALWAYS,)

    def code_of(self, segment: Segment) -> int:
        """Its code for rows of a tensor; 0 where it does not match them."""
        if whole := int(self.codes[segment.position]):
            return whole
        intervals, code = self.parts.get(segment.position, ((), 0))
        inside = any(start <= segment.start and segment.stop <= stop for start, stop in intervals)
        return code if inside else 0

    def acts(self, code: int) -> bool:
        """Whether it matches what has this code, in a window that is not empty."""
        return bool(code) and self.windows[code - 1][0] < self.windows[code - 1][1]

    @property
    def code_at(self) -> dict[int, int]:
        """The code of each parameter of which it matches something, by its position in the index."""
        found = {position: int(self.codes[position]) for position in np.flatnonzero(self.codes).tolist()}
        return dict(sorted((found | {position: code for position, (_, code) in self.parts.items()}).items()))

    @property
    def positions(self) -> list[int]:
        """Where the parameters of which it matches something stand in the index."""
        return list(self.code_at)

    def __bool__(self) -> bool:
        return bool(self.parts) or bool(self.codes.any())


def match_rules(recipe: Recipe, index: Index, horizon: Horizon, pins: Pins) -> list[Match]:
    """Match all rules of a recipe, in its order.

    Raises:
        NoMatchError: A rule matches nothing, and does not say that this is meant.
        PlanError: A value that a rule finds for a parameter has no meaning, or a window is empty.
        ScheduleError: The horizon does not know what a window asks.
    """
    found = []
    for number, rule in enumerate(recipe.rules, 1):
        selection = _selected(rule, number, recipe, index, pins)
        with told_with(number, recipe):
            found.append(_match(rule, number, selection, horizon))
    return found


def whole_of(recipe: Recipe) -> str:
    """A recipe in words: the end of an error's message."""
    return "Recipe" + (f' "{recipe.name}"' if recipe.name else "")


def place_of(number: int, recipe: Recipe) -> str:
    """A rule's place in words: the end of an error's message."""
    return f"Rule {number} of r{whole_of(recipe)[1:]}"


@contextmanager
def told_with(number: int, recipe: Recipe) -> Iterator[None]:
    """Errors end with the rule that they come from."""
    try:
        yield
    except ParamGroupsError as error:
        raise type(error)(f"{error}\n  {place_of(number, recipe)}.") from error


def _match(rule: Rule, number: int, selection: Selection, horizon: Horizon) -> Match:
    said = [*(assignment.value for assignment in rule.assignments), rule.start, rule.until]
    if any(isinstance(value, RowValue) for value in said):
        return _match_rows(rule, number, selection, horizon)
    *values, start, until = said
    parts = {position: (intervals, 1) for position, intervals in selection.rows.items()}
    bounds = ((start, until),)
    windows, codes = windows_of(rule, bounds, horizon), selection.whole.astype(np.int64)
    return Match(rule, number, codes, (tuple(values),), parts, bounds, windows)


def _match_rows(rule: Rule, number: int, selection: Selection, horizon: Horizon) -> Match:
    index = selection.index
    positions = [*np.flatnonzero(selection.whole).tolist(), *selection.rows]
    rows = [index.rows[position] for position in positions]
    places: dict[tuple[tuple[Any, ...], Bounds], int] = {}
    columns = [_column(assignment, rows) for assignment in rule.assignments]
    said = zip(*columns, strict=True) if columns else ((),) * len(rows)
    pairs = zip(said, bounds_at(rule, rows), strict=True)
    found = [places.setdefault(pair, len(places) + 1) for pair in pairs]
    code = dict(zip(positions, found, strict=True))
    parts = {position: (intervals, code.pop(position)) for position, intervals in selection.rows.items()}
    codes = np.zeros(len(index), dtype=np.int64)
    codes[list(code)] = list(code.values())
    values, bounds = tuple(values for values, _ in places), tuple(bounds for _, bounds in places)
    first = dict(zip(reversed(found), reversed(rows), strict=True))
    windows = windows_of(rule, bounds, horizon, [first[place] for place in places.values()])
    return Match(rule, number, codes, values, parts, bounds, windows)


def _selected(rule: Rule, number: int, recipe: Recipe, index: Index, pins: Pins) -> Selection:
    with told_with(number, recipe):
        selection = rule.selector.select(index, pins)
    if not selection and rule.missing == "error":
        raise _no_match(rule, number, recipe, index, pins)
    return selection


def _no_match(rule: Rule, number: int, recipe: Recipe, index: Index, pins: Pins) -> NoMatchError:
    hint = nearest_hint(rule.selector, index, pins)
    return NoMatchError(
        f'"{rule.selector.written}" matches none of {len(index):,} parameters.{hint}\n'
        f'  {place_of(number, recipe)}. If that is meant, give the rule missing="ignore".'
    )


def nearest_hint(selector: Selector, index: Index, pins: Pins) -> str:
    """What there is instead of what a selector asks: a line of an error's message."""
    if there := rows_there(selector, index):
        return f'\n  "{there[0]}" has {there[1]:,} rows.'
    if near := nearest_match(selector, index, pins):
        return f'\n  Nearest: "{near[0]}" ({near[1]:,} parameter{"s" * (near[1] != 1)}).'
    return "\n  Nothing like it does: look at the names, roles and types of pg.index(model)."


def _column(assignment: Assignment, rows: Sequence[Row]) -> list[Any]:
    if not isinstance(assignment.value, RowValue):
        return [assignment.value] * len(rows)
    found = assignment.value.resolve(rows) if rows else []
    keys = [(type(value), value) for value in found]
    first: dict[Any, Row] = {}
    try:
        for key, row in zip(keys, rows, strict=True):
            first.setdefault(key, row)
    except TypeError as error:
        raise PlanError(f"{assignment.value.label} gives what is no plain value: {error}.") from error
    plain = {key: _plain(assignment, key[1], row) for key, row in first.items()}
    return [plain[key] for key in keys]


def _plain(assignment: Assignment, value: Any, row: Row) -> Any:
    try:
        return assignments({assignment.key: value})[0].value
    except ParamGroupsError as error:
        raise PlanError(f'{assignment.value.label} for "{row.name}": {error}') from error


def profiles_of(kinds: Codes, matches: Sequence[Match]) -> tuple[Codes, Codes]:
    """Number the parameters so that those whom the same rules give the same values have one number.

    Args:
        kinds: For each parameter a number from 0 on; those of different numbers are kept apart.
        matches: What each rule matches.

    Returns:
        The number of each parameter, in the order in which they first come, and for each number the
        position of its first parameter.
    """
    key = kinds.astype(np.int64)
    size = int(key.max(initial=0)) + 1
    for match in matches:
        count = len(match.values) + 1
        if size * count > LARGEST_KEY:
            _, key = np.unique(key, return_inverse=True)
            size = int(key.max(initial=0)) + 1
        key = key * count + match.codes
        size *= count
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return np.argsort(order)[number], first[order]


def segments_of(matches: Sequence[Match], index: Index) -> list[Segment]:
    """Cut each tensor of which rules match parts, at all ends of those parts."""
    cuts: dict[int, set[int]] = {}
    for match in matches:
        for position, (intervals, _) in match.parts.items():
            cuts.setdefault(position, {0, index.rows[position].shape[0]}).update(*intervals)
    return [
        segment
        for position in sorted(cuts)
        for segment in _between(position, sorted(cuts[position]), matches)
    ]


def _between(position: int, cuts: list[int], matches: Sequence[Match]) -> Iterator[Segment]:
    for start, stop in pairwise(cuts):
        segment = Segment(position, start, stop)
        if any(match.code_of(segment) and not match.codes[position] for match in matches):
            yield segment
