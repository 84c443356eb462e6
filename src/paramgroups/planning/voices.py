"""What each rule says: links of the cascade."""

from typing import Any

from paramgroups.planning.cascade import Link
from paramgroups.planning.matching import Match
from paramgroups.planning.windows import ALWAYS
from paramgroups.rules import Assignment, RowValue

SCHEDULE, CLOCK = "schedule of ", "clock of "
CLOCKS = "clock of all"


def links_of(match: Match, code: int) -> list[tuple[str, Link]]:
    """What a rule says with the values of a code: by hyperparameter, and so its schedules and clocks."""
    rule, values, window = match.rule, match.values[code - 1], match.windows[code - 1]
    origin, ends = f'rule {match.number} "{rule.selector.written}"', (rule.until, rule.start)

    def link(value: Any, assignment: Assignment | None = None) -> Link:
        given = (assignment and assignment.value, *ends)
        source = next((one for one in given if isinstance(one, RowValue)), None)
        return Link(value, bool(assignment and assignment.scales), origin, *window, source, match.number)

    said = [(one.name, link(value, one)) for one, value in zip(rule.assignments, values, strict=True)]
    if "trainable" in rule.settings:
        # What it freezes thaws where its window has just ended, and it is asked then how.
        said = [(name, one._replace(until=one.until + (name == "rewarm"))) for name, one in said]
    if rule.clock == "thaw" and "trainable" in rule.settings:
        # Its window says when they are frozen, and what comes after the thaw lies beyond it.
        window, ends = ALWAYS, (None, None)
    said += [(SCHEDULE + name, link(schedule)) for name, schedule in rule.schedules]
    said += [(CLOCK + name, link(rule.clock)) for name, _ in rule.schedules]
    if rule.clock != "run" and not rule.schedules:
        said.append((CLOCKS, link(rule.clock)))
    return said
