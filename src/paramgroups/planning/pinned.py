"""A recipe in which what functions found stands as data, so that it can be saved."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

from paramgroups.planning.matching import Match
from paramgroups.planning.resolution import Resolution
from paramgroups.planning.timing import Timing
from paramgroups.rules import Recipe, RowValue, Rule, Table
from paramgroups.schedules import Schedule, tabulate
from paramgroups.select import Selector, named, parse, rows

Schedules = tuple[tuple[str, Schedule], ...]


def pinned(recipe: Recipe, resolution: Resolution) -> Recipe:
    """The recipe with every function replaced by the table of its results.

    A recipe without functions is returned as it is. A function as a schedule whose clock begins at several
    ticks, or that has no known end, stays a function: no one table has all its values.
    """
    rules = tuple(_pinned(match, resolution) for match in resolution.matches)
    schedules = _tabulated(recipe.schedules, resolution)
    if (rules, schedules) == (recipe.rules, recipe.schedules):
        return recipe
    return recipe.with_parts(rules, dict(schedules))


def _pinned(match: Match, resolution: Resolution) -> Rule:
    rule = match.rule
    return replace(
        rule,
        selector=_found(match, resolution) if rule.selector.opaque else rule.selector,
        assignments=tuple(
            one._replace(
                value=_table(one.value, [values[place] for values in match.values], match, resolution)
            )
            for place, one in enumerate(rule.assignments)
        ),
        start=_table(rule.start, [start for start, _ in match.bounds], match, resolution),
        until=_table(rule.until, [until for _, until in match.bounds], match, resolution),
        schedules=_tabulated(rule.schedules, resolution),
    )


def _table(value: Any, given: Sequence[Any], match: Match, resolution: Resolution) -> Any:
    """What was found by a function, by name; anything else as it is.

    Args:
        value: What the rule holds.
        given: What it gives, for each code.
        match: What the rule matches.
        resolution: Whose parameters they are.
    """
    if not (isinstance(value, RowValue) and value.opaque):
        return value
    rows = resolution.index.rows
    found = {rows[position].name: given[code - 1] for position, code in match.code_at.items()}
    return Table(value.label, tuple(found.items()))


def _tabulated(schedules: Schedules, resolution: Resolution) -> Schedules:
    return tuple((name, _as_data(schedule, resolution)) for name, schedule in schedules)


def _as_data(schedule: Schedule, resolution: Resolution) -> Schedule:
    """The schedule without functions, over the horizon of its clock; unused, over that of the run."""
    if not schedule.opaque:
        return schedule
    rests = {timing.rest for timing in _timings(resolution) if timing.schedule == schedule}
    rest = rests.pop() if rests else resolution.profiler.horizon
    return schedule if rests or rest.ticks is None else tabulate(schedule, rest)


def _timings(resolution: Resolution) -> Iterator[Timing]:
    for profile in resolution.all_profiles:
        for course in profile.courses.values():
            yield from (timing for _, timing in course.timings if timing is not None)


def _found(match: Match, resolution: Resolution) -> Selector:
    """The selector of exactly what was found."""
    names = [row.name for row in resolution.index.rows]
    whole = [names[position] for position in match.codes.nonzero()[0].tolist()]
    parts = [
        rows(named([names[position]]), start, stop)
        for position, (intervals, _) in match.parts.items()
        for start, stop in intervals
    ]
    found = [*([named(whole)] if whole else []), *parts]
    return reduce(or_, found) if found else parse("~**")
