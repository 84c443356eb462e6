"""Rows of tensors that have values of their own: entries of `rows` in an optimizer's groups."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from paramgroups.errors import PlanError
from paramgroups.optim.rows import PLACE, ROWS
from paramgroups.planning import Group, RowSegment
from paramgroups.planning.groups import entry
from paramgroups.run.lanes import Held
from paramgroups.run.writing import Overwritten, Writer

WHERE = itemgetter(*PLACE)


class RowSeats:
    """The entries of `rows` in all groups of an optimizer, which are written as groups are.

    Attributes:
        segments: The rows that they are of, group by group.
    """

    def __init__(self) -> None:
        self.segments: list[RowSegment] = []
        self._places: list[int] = []
        self._entries: list[tuple[str, int, int]] = []
        self._writer = Writer()

    def lay_out(self, held: Held, groups: Sequence[Group], planned: int) -> None:
        """Make all entries anew; their values are written next.

        Args:
            held: The optimizer's groups.
            groups: What is written there.
            planned: How many of them the plan had from the start: no others hold rows but these.
        """
        self.segments, self._places, self._writer = [], [], Writer()
        for place, (found, group) in enumerate(zip(held[:planned], groups, strict=False)):
            there = group.rows(found.get("param_names", group.names))
            if not there:
                found.pop(ROWS, None)
                continue
            found[ROWS] = [entry(segment) for segment in there]
            self._places.append(place)
            for row, segment in zip(found[ROWS], there, strict=True):
                self._writer.seat(row, group.own(segment))
            self.segments += there
        self._entries = [(one.name, one.start, one.stop) for one in self.segments]

    def write(self, held: Held, tick: float) -> None:
        """Write the values of a tick."""
        if self.segments:
            self._writer.write(self._held(held), tick)

    def untouched(self, held: Held) -> bool:
        """Whether nobody else has written a number since, or put other entries in their place."""
        return not self.segments or (self._is_there(held) and self._writer.untouched(self._held(held)))

    def overwritten(self, held: Held) -> list[Overwritten]:
        """The numbers that somebody else has written since; their place is that of the segment.

        Raises:
            PlanError: There are other entries.
        """
        if not self.segments:
            return []
        if not self._is_there(held):
            raise PlanError(
                "Entries of group['rows'] were taken away, added or moved: the plan says which rows have "
                'values of their own. Write into an entry, or say scheduler.set("embed.weight[10:20]", lr=…).'
            )
        return self._writer.overwritten(self._held(held))

    def _is_there(self, held: Held) -> bool:
        try:
            return list(map(WHERE, self._held(held))) == self._entries
        except (KeyError, TypeError):
            return False

    def _held(self, held: Held) -> list[dict[str, Any]]:
        return [row for place in self._places for row in held[place][ROWS]]
