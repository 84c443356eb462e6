"""The places of an optimizer's groups, and what is written there."""

from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer

from paramgroups.errors import PlanError
from paramgroups.optim import unpack
from paramgroups.planning import Course, Group
from paramgroups.run.writing import Overwritten, Writer


class Seats:
    """The groups of an optimizer, each in the place of one of the plan's groups or of one that joined.

    Args:
        optimizer: The optimizer.
        groups: The group of each place, in the optimizer's order.
    """

    def __init__(self, optimizer: Optimizer, groups: Sequence[Group]) -> None:
        self._optimizer = optimizer
        self._reads = frozenset(unpack(optimizer.defaults))
        self._groups: list[Group] = []
        self._writer = Writer()
        for held, group in zip(optimizer.param_groups, groups, strict=True):
            self.take(held, group)

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
    def untouched(self) -> bool:
        """Whether nobody else has written a number since."""
        return self._writer.untouched(self._optimizer.param_groups)

    @property
    def overwritten(self) -> list[Overwritten]:
        """The numbers that somebody else has written since."""
        return self._writer.overwritten(self._optimizer.param_groups)

    @property
    def rates(self) -> list[Any]:
        """The rate of each group as it was written."""
        return self._writer.rates

    def take(self, held: dict[str, Any], group: Group) -> None:
        """Give the next place to a group."""
        held["name"], held["initial_lr"] = group.name, group.lr
        self._groups.append(group)
        self._writer.seat(held, self._read_by(group))

    def follow(self, groups: Sequence[Group]) -> None:
        """Write the values of these groups from now on."""
        for place, (before, group) in enumerate(zip(self._groups, groups, strict=False)):
            if group is not before:
                self._groups[place] = group
                self._writer.follow(place, self._read_by(group))

    def renew(self) -> None:
        """Write all values next time, and all names now: others have been here."""
        for held, group in zip(self._optimizer.param_groups, self._groups, strict=False):
            held["name"] = group.name
        self._writer.renew(wholly=True)

    def write(self, tick: float) -> None:
        """Write the values of a tick."""
        self._writer.write(self._optimizer.param_groups, tick)

    def _read_by(self, group: Group) -> dict[str, Course]:
        return {name: course for name, course in group.written.items() if name in self._reads}
