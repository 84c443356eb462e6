"""Advice on levels that were to thaw one after another, and do so at one tick."""

import math
from collections.abc import Iterator
from typing import TypeGuard

from paramgroups.errors import Finding, listing
from paramgroups.planning.matching import Match
from paramgroups.planning.subject import Check, Subject
from paramgroups.recipes import ChainThaw, GradualUnfreezing
from paramgroups.rules import RowValue


def lost_turns(subject: Subject) -> Iterator[Finding]:
    """Levels whose turns come together, since from one to the next there is less than a tick."""
    unit, lost = subject.resolution.profiler.horizon.unit, dict[str, list[str]]()
    for match in subject.resolution.matches:
        for side, bound in enumerate((match.rule.start, match.rule.until)):
            if _in_turns(bound) and (names := _together(subject, match, side)):
                lost.setdefault(bound.label, []).extend(names)
    for label, several in lost.items():
        told = tuple(dict.fromkeys(several))
        message = (
            f"{label} leaves less than one {unit} from some turns to the next: they come together on "
            f"{listing(told, 3)}."
        )
        yield Finding("PG018", "advice", message, f"Let each turn be one {unit} or more.", told)


def _in_turns(bound: object) -> TypeGuard[RowValue]:
    """Whether it is to differ from level to level."""
    return isinstance(bound, GradualUnfreezing) or (isinstance(bound, ChainThaw) and bound.moment != "all")


def _together(subject: Subject, match: Match, side: int) -> list[str]:
    """What has the tick of another level of its tower, as start or as end, within the run."""
    end = subject.resolution.profiler.horizon.ticks or math.inf
    found: dict[tuple[str, float], dict[int, list[str]]] = {}
    for position, code in match.code_at.items():
        row, tick = subject.resolution.index.rows[position], match.windows[code - 1][side]
        if tick < end:
            found.setdefault((row.tower, tick), {}).setdefault(row.depth, []).append(row.name)
    several = [levels for levels in found.values() if len(levels) > 1]
    return [name for levels in several for names in levels.values() for name in names]


TURNS: tuple[Check, ...] = (lost_turns,)
