"""The places of an optimizer's groups, and what is written there."""

from collections.abc import Collection, Sequence
from typing import Any

from torch.optim import Optimizer

from paramgroups.errors import PlanError
from paramgroups.optim.optimizer import OPTIMIZER
from paramgroups.planning import Course, Group, RowSegment
from paramgroups.run.abilities import reads, writable
from paramgroups.run.rows import RowSeats
from paramgroups.run.writing import Overwritten, Writer


class Seats:
    """The groups of an optimizer, each in the place of one of the plan's groups or of one that joined.

    Args:
        optimizer: The optimizer.
        groups: The group of each place, in the optimizer's order.
    """

    def __init__(self, optimizer: Optimizer, groups: Sequence[Group]) -> None:
        self._optimizer = optimizer
        self._groups: list[Group] = []
        self._reads: list[Collection[str]] = []
        self._named: list[Any] = []
        self._writer = Writer()
        self._rows = RowSeats()
        self._planned = len(groups)
        for held, group in zip(optimizer.param_groups, groups, strict=True):
            self.take(held, group)
        self._lay_out_rows()

    @property
    def groups(self) -> Sequence[Group]:
        """The group of each place."""
        return self._groups

    @property
    def added(self) -> list[dict[str, Any]]:
        """The optimizer's groups that have no place yet.

        Raises:
            PlanError: Groups were taken away.
        """
        held = self._optimizer.param_groups
        if len(held) < len(self._groups):
            raise PlanError(
                f"The optimizer has {len(held):,} groups and had {len(self._groups):,}: groups were taken "
                "away since. Leave them, and freeze what is not to be trained: scheduler.set(…, lr=0.0)."
            )
        return held[len(self._groups) :]

    @property
    def targets(self) -> Sequence[Group | RowSegment]:
        """All that values are written for: the groups, then the rows with values of their own."""
        return [*self._groups, *self._rows.segments]

    @property
    def untouched(self) -> bool:
        """Whether nobody else has written a number since."""
        held = self._optimizer.param_groups
        return self._writer.untouched(held) and self._rows.untouched(held)

    @property
    def overwritten(self) -> list[Overwritten]:
        """The numbers that somebody else has written since; their place is that of the target.

        Raises:
            PlanError: Other rows were put in the place of the planned ones.
        """
        held, first = self._optimizer.param_groups, len(self._groups)
        rows = self._rows.overwritten(held)
        return self._writer.overwritten(held) + [one._replace(place=first + one.place) for one in rows]

    @property
    def rates(self) -> list[Any]:
        """The rate of each group as it was written."""
        return self._writer.rates

    def take(self, held: dict[str, Any], group: Group) -> None:
        """Give the next place to a group."""
        held["name"], held["initial_lr"] = group.name, group.lr
        self._groups.append(group)
        self._reads.append(reads(self._optimizer, held, group))
        self._named.append(held.get(OPTIMIZER))
        self._writer.seat(held, self._read_by(len(self._groups) - 1))

    def follow(self, groups: Sequence[Group]) -> None:
        """Write the values of these groups from now on."""
        rows = False
        for place, (before, group) in enumerate(zip(self._groups, groups, strict=False)):
            if group is not before:
                self._groups[place] = group
                self._writer.follow(place, self._read_by(place))
                rows = rows or bool(before.segments or group.segments)
        if rows:
            self._lay_out_rows()

    def renew(self) -> None:
        """Write all values next time, and all names and rows now: others have been here."""
        held = self._optimizer.param_groups
        for found, group, named in zip(held, self._groups, self._named, strict=False):
            found["name"] = group.name
            if named is not None:
                found[OPTIMIZER] = named
        self._writer.renew(wholly=True)
        self._lay_out_rows()

    def write(self, tick: float) -> None:
        """Write the values of a tick."""
        self._writer.write(self._optimizer.param_groups, tick)
        self._rows.write(self._optimizer.param_groups, tick)

    def _lay_out_rows(self) -> None:
        self._rows.lay_out(self._optimizer.param_groups, self._groups, self._planned)

    def _read_by(self, place: int) -> dict[str, Course]:
        return writable(self._groups[place], self._reads[place])
