"""What each rule says, and when: windows, and links of the cascade."""

import math
from typing import Any

from paramgroups.errors import PlanError
from paramgroups.planning.cascade import Link
from paramgroups.planning.matching import Match, told_with
from paramgroups.rules import Assignment, Recipe, RowValue, Rule
from paramgroups.schedules import Horizon

Window = tuple[float, float]
ALWAYS: Window = (0, math.inf)
SCHEDULE, CLOCK = "schedule of ", "clock of "
CLOCKS = "clock of all"


def links_of(match: Match, window: Window, code: int) -> list[tuple[str, Link]]:
    """What a rule says with the values of a code: by hyperparameter, and so its schedules and clocks."""
    rule, values = match.rule, match.values[code - 1]
    origin = f'rule {match.number} "{rule.selector.written}"'

    def link(value: Any, assignment: Assignment | None = None) -> Link:
        source = assignment.value if assignment and isinstance(assignment.value, RowValue) else None
        return Link(value, bool(assignment and assignment.scales), origin, *window, source, match.number)

    said = [(one.name, link(value, one)) for one, value in zip(rule.assignments, values, strict=True)]
    if rule.clock == "thaw" and "trainable" in rule.settings:
        # Its window says when they are frozen, and what comes after the thaw lies beyond it.
        window = ALWAYS
    said += [(SCHEDULE + name, link(schedule)) for name, schedule in rule.schedules]
    said += [(CLOCK + name, link(rule.clock)) for name, _ in rule.schedules]
    if rule.clock != "run" and not rule.schedules:
        said.append((CLOCKS, link(rule.clock)))
    return said


def window_of(match: Match, recipe: Recipe, horizon: Horizon) -> Window:
    """From which tick to before which a rule acts. Past the end of training it goes on as it was.

    Raises:
        ScheduleError: The horizon does not know what a length asks.
        PlanError: The window is empty, or the rule says what holds for the whole run.
    """
    rule = match.rule
    with told_with(match.number, recipe):
        start = 0 if rule.start is None else horizon.length(rule.start, "start")
        until = math.inf if rule.until is None else horizon.length(rule.until, "until")
        if start >= until:
            raise PlanError(
                f"start={rule.start!r}, until={rule.until!r}: the window from {horizon.unit} {start:,} to "
                f"before {horizon.unit} {until:,g} is empty. Let it end after it starts."
            )
        window = start, math.inf if horizon.ticks and until >= horizon.ticks else until
        _check_whole_run(rule, windowed=window != ALWAYS)
    return window


def _check_whole_run(rule: Rule, *, windowed: bool) -> None:
    if windowed and rule.optimizer:
        raise PlanError(
            "optimizer= holds for the whole run, since groups never change in training: take start= and "
            "until= off, or give it a rule of its own."
        )
