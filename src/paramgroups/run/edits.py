"""Edits as events: what a user sets, scales or writes while training."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from paramgroups.errors import PlanError, ScheduleError, shown
from paramgroups.journal import Action, Event
from paramgroups.optim import domain_of, is_finite, is_number
from paramgroups.planning import Group, RowSegment
from paramgroups.planning.cutting import Rows, cut_out, within
from paramgroups.planning.events import course_of, heard
from paramgroups.rules import Assignment, Controller, Recipe, RowValue, Rule
from paramgroups.rules.reading import SCHEDULES
from paramgroups.rules.rule import OPTIONS, assignments
from paramgroups.run.choosing import Chosen
from paramgroups.run.writing import Overwritten
from paramgroups.schedules import Horizon, Length

WRITTEN = "written"
"""The cause of what was found in the groups."""
RECIPE_WORDS = (*OPTIONS, *SCHEDULES, "controllers")
Seen = dict[tuple[Any, ...], list[str]]
Target = Group | RowSegment


def settings_of(settings: Mapping[str, Any]) -> tuple[Assignment, ...]:
    """What settings, written as in a rule, change in whole groups.

    Raises:
        PlanError: There are none, or one is a function of the row.
        RuleError: A value has no meaning.
    """
    if said := [key for key in settings if key in RECIPE_WORDS]:
        raise PlanError(
            f"{said[0]}= is for the recipe: an edit sets or scales values, and groups, windows and schedules "
            "stay as they were planned. Plan with it, or write what is to change, such as lr_scale=0.5."
        )
    found = assignments(settings)
    if not found:
        raise PlanError("Nothing is set. Write what, such as lr=1e-4 or weight_decay_scale=0.5.")
    for one in found:
        if isinstance(one.value, RowValue):
            raise PlanError(f"{one.key}: a group has one value, so it cannot differ from row to row.")
    return found


def end_of(steps: Length | None, horizon: Horizon, tick: float) -> float | None:
    """The first tick at which an edit acts no more that was made at a tick, for so many steps.

    Raises:
        ScheduleError: `steps` is no length above 0.
    """
    if steps is None:
        return None
    ticks = horizon.length(steps, "steps")
    if ticks < 1:
        raise ScheduleError(f"steps={shown(steps)} is no tick at all. Give at least 1, or leave it out.")
    return tick + ticks


def end_of_rule(controller: Controller, rule: Rule, horizon: Horizon) -> int | None:
    """The first tick at which a controller's rule acts no more; None: it acts to the end.

    Raises:
        ScheduleError: The horizon does not know what its length asks.
    """
    if rule.until is None or isinstance(rule.until, RowValue):  # a controller's ends alike for all
        return None
    return horizon.length(rule.until, f"{controller.title}: until")


def decided(  # noqa: PLR0913  # one for each thing that an event tells
    found: Iterable[Assignment],
    groups: Sequence[Group],
    chosen: Chosen,
    recipe: Recipe,
    *,
    step: float,
    cause: str,
    until: float | None = None,
) -> list[Event]:
    """The events that assignments are, one for each value that groups have before and after.

    Args:
        found: What is set or scaled, in order.
        groups: All groups as they are.
        chosen: The groups and rows that are meant.
        recipe: The recipe.
        step: The tick from which it acts.
        cause: Who decided.
        until: The first tick at which it acts no more.

    Raises:
        PlanError: A group's optimizer does not read it, or a value is of another kind or leaves its domain.
    """
    events: list[Event] = []
    for one in found:
        draft = Event(
            step, cause, "scale" if one.scales else "set", one.name, one.value, None, None, (), until
        )
        made = _by_value(draft, groups, chosen, recipe)
        groups = heard(groups, made, recipe)
        events += made
    return events


def _by_value(draft: Event, groups: Sequence[Group], chosen: Chosen, recipe: Recipe) -> list[Event]:
    """The events that a draft is; what one touches may have had other values after the one before it."""
    seen: Seen = {}
    for group in groups:
        if group.name in chosen.groups:
            old = course_of(group, draft.hyper).at(draft.step)
            (after,) = heard([group], [replace(draft, names=group.names)], recipe)
            seen.setdefault((old, after.courses[draft.hyper].at(draft.step)), []).extend(group.names)
        for rows in chosen.rows:
            if rows.name in group.names:
                _see_rows(draft, group, rows, recipe, seen)
    return [replace(draft, old=old, new=new, names=tuple(names)) for (old, new), names in seen.items()]


def _see_rows(draft: Event, group: Group, rows: Rows, recipe: Recipe, seen: Seen) -> None:
    before = within(cut_out(group, rows), rows)
    (after,) = heard([group], [replace(draft, names=(rows.title,))], recipe)
    for old, new in zip(before, within(after, rows), strict=True):
        values = (course_of(one, draft.hyper).at(draft.step) for one in (old, new))
        seen.setdefault(tuple(values), []).append(old.title)


def writes(
    found: Iterable[Overwritten], groups: Sequence[Target], *, step: float, tick: float, cause: str = WRITTEN
) -> list[Event]:
    """What was written by hand, as events: factors on top of the schedules from now on.

    Args:
        found: What was written.
        groups: The groups and rows by their places.
        step: The tick of the first update that it acts on.
        tick: The present tick. Where that is the same, the update was made with the very number.
        cause: The cause of the events.

    Raises:
        PlanError: It is no number that the hyperparameter may have, or stands where our value is 0.
    """
    seen: dict[tuple[str, Any, Any], list[str]] = {}
    for one in found:
        _check_written(one, groups[one.place])
        seen.setdefault((one.name, one.left, one.found), []).extend(groups[one.place].names)
    action: Action = "write" if step == tick else "scale"
    return [
        Event(step, cause, action, name, new / old, old, new, tuple(names))
        for (name, old, new), names in seen.items()
    ]


def _check_written(one: Overwritten, group: Target) -> None:
    what = "group" if isinstance(group, Group) else "rows"
    was = f'{one.name} of the {what} "{group.title}" was written as {shown(one.found)}'
    if not is_number(one.found) or not is_finite(one.found) or one.found not in domain_of(one.name):
        raise PlanError(f"{was}: it must be a number, {domain_of(one.name)}. Write {one.left!r} back.")
    fix = f'Say what is meant: scheduler.set("{group.title}", {one.name}={one.found!r}).'
    if not is_number(one.left) or one.left == 0:
        raise PlanError(
            f"{was} where the plan has {one.left!r}, so that no factor says how it goes on. {fix}"
        )
    factor = one.found / one.left
    if not is_finite(factor) or (one.found and not factor):
        raise PlanError(f"{was} where the plan has {one.left!r}, a factor beyond all numbers. {fix}")
