"""A recipe in which what functions found stands as data, so that it can be saved."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from paramgroups.planning.matching import Match
from paramgroups.planning.resolution import Resolution
from paramgroups.rules import Assignment, Recipe, RowValue, Rule, Table
from paramgroups.schedules import Horizon, Schedule, tabulate
from paramgroups.select import Selector, parse


def pinned(recipe: Recipe, resolution: Resolution) -> Recipe:
    """The recipe with every function replaced by the table of its results.

    A recipe without functions is returned as it is.
    """
    horizon = resolution.profiler.horizon
    rules = [_pinned(match, resolution, horizon) for match in resolution.matches]
    schedules = _tabulated(dict(recipe.schedules), horizon)
    if tuple(rules) == recipe.rules and tuple(schedules.items()) == recipe.schedules:
        return recipe
    return recipe.with_parts(rules, schedules)


def _pinned(match: Match, resolution: Resolution, horizon: Horizon) -> Rule:
    rule = match.rule
    names = [resolution.index.rows[position].name for position in (*match.codes.nonzero()[0], *match.parts)]
    return replace(
        rule,
        selector=_named(names) if rule.selector.opaque else rule.selector,
        assignments=tuple(
            _table(one, place, match, resolution) for place, one in enumerate(rule.assignments)
        ),
        schedules=tuple(_tabulated(dict(rule.schedules), horizon).items()),
    )


def _table(assignment: Assignment, place: int, match: Match, resolution: Resolution) -> Assignment:
    value = assignment.value
    if not (isinstance(value, RowValue) and value.opaque):
        return assignment
    codes = {int(position): int(match.codes[position]) for position in match.codes.nonzero()[0]}
    codes |= {position: code for position, (_, code) in match.parts.items()}
    found = {
        resolution.index.rows[position].name: match.values[code - 1][place]
        for position, code in codes.items()
    }
    return assignment._replace(value=Table(value.label, tuple(found.items())))


def _tabulated(schedules: Mapping[str, Schedule], horizon: Horizon) -> dict[str, Any]:
    return {name: tabulate(schedule, horizon) for name, schedule in schedules.items()}


def _named(names: Sequence[str]) -> Selector:
    """The selector of exactly these parameters."""
    quoted = (".".join(json.dumps(part, ensure_ascii=False) for part in name.split(".")) for name in names)
    return parse(" | ".join(quoted) or "~**")
