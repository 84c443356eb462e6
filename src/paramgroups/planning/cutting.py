"""Rows of a tensor in the middle of a run: named by events, cut out of their tensor where they differ."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from paramgroups.planning.groups import Group, RowSegment
from paramgroups.planning.profile import Profile

TITLE = re.compile(r"(?s:(?P<name>.+))\[(?P<start>\d{1,18}):(?P<stop>\d{1,18})\]")


class Rows(NamedTuple):
    """Rows `start` to before `stop` of the tensor of a name."""

    name: str
    start: int
    stop: int

    @property
    def title(self) -> str:
        """What events call them: `embed.weight[10:20]`."""
        return f"{self.name}[{self.start}:{self.stop}]"


def rows_of(title: str, known: Mapping[str, object]) -> Rows | None:
    """The rows that an event's name means; None where it means a whole tensor, or nothing that is known."""
    found = None if title in known else TITLE.fullmatch(title)
    if found is None or found["name"] not in known or int(found["start"]) >= int(found["stop"]):
        return None
    return Rows(found["name"], int(found["start"]), int(found["stop"]))


def cut_out(group: Group, rows: Rows) -> Group:
    """The group with segments of which each lies within the rows or beside them."""
    others = [one for one in group.segments if one.name != rows.name]
    own = [one for one in group.segments if one.name == rows.name]
    borders = {rows.start, rows.stop}.union(*({one.start, one.stop} for one in own))
    known = [(_profile_in(own, start), start, stop) for start, stop in pairwise(sorted(borders))]
    pieces = [
        RowSegment(rows.name, start, stop, profile or group.profile)
        for profile, start, stop in known
        if profile or rows.start <= start < rows.stop
    ]
    return replace(group, segments=_ordered(group, [*others, *pieces]))


def within(group: Group, rows: Rows) -> list[RowSegment]:
    """The segments of a group that lie within these rows."""
    return [one for one in group.segments if is_within(one, rows)]


def is_within(segment: RowSegment, rows: Rows) -> bool:
    """Whether a segment lies within rows."""
    return segment.name == rows.name and rows.start <= segment.start and segment.stop <= rows.stop


def _profile_in(segments: Sequence[RowSegment], row: int) -> Profile | None:
    return next((one.profile for one in segments if one.start <= row < one.stop), None)


def _ordered(group: Group, segments: Sequence[RowSegment]) -> tuple[RowSegment, ...]:
    places = {name: place for place, name in enumerate(group.names)}
    return tuple(sorted(segments, key=lambda one: (places[one.name], one.start)))
