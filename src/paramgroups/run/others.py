"""Who else drives an optimizer's rates."""

import gc
from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ChainedScheduler, LRScheduler, SequentialLR

from paramgroups.errors import PlanError, listing, shown
from paramgroups.planning import Group
from paramgroups.run.writing import Overwritten

PASS_ON = (ChainedScheduler, SequentialLR)
"""They only step others."""


def other_schedulers(optimizer: Optimizer, ours: type[LRScheduler]) -> list[str]:
    """The torch schedulers alive that write an optimizer's rates, by their classes' names.

    An optimizer does not know its schedulers, so all objects are looked through: some tens of milliseconds.
    Those that torch's SequentialLR steps before or after ours write while ours does not.

    Args:
        optimizer: The optimizer.
        ours: The class that is not looked for.
    """
    alive = [
        found
        for found in gc.get_objects()
        if issubclass(type(found), LRScheduler) and vars(found).get("optimizer") is optimizer
    ]
    rows = [vars(found).get("_schedulers", ()) for found in alive if isinstance(found, SequentialLR)]
    in_turn = {id(part) for row in rows if any(isinstance(one, ours) for one in row) for part in row}
    return sorted(
        type(found).__name__
        for found in alive
        if not isinstance(found, (ours, *PASS_ON)) and id(found) not in in_turn
    )


class Others:
    """Tells an edit by hand from what something else writes at every tick.

    Args:
        groups: The groups as they were planned.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self._several = len({group.lr for group in groups}) > 1
        self._count = 0
        self._flat: float | None = None

    def check(
        self, optimizer: Optimizer, ours: type[LRScheduler], found: Sequence[Overwritten], tick: float
    ) -> None:
        """Refuse to take for edits what another scheduler or a finder has written.

        Args:
            optimizer: The optimizer.
            ours: The class of our scheduler.
            found: What was written. Schedulers are looked for at the first, second, fourth, … time.
            tick: The present tick.

        Raises:
            PlanError: Another scheduler is alive that writes this optimizer's rates, or twice in a row one
                rate was written into all groups, which had several.
        """
        self._count += 1
        one = found[0]
        what = f"{one.name} was written as {shown(one.found)} where {one.left!r} stood"
        if not self._count & (self._count - 1) and (others := other_schedulers(optimizer, ours)):
            raise PlanError(
                f"{what}, and {listing(others)} writes this optimizer's rates too: they would undo each "
                "other. Join schedules by .then() and *, cut rates by pg.control.plateau, and change values "
                "by scheduler.set or scheduler.scale."
            )
        if self._several and flattened(found, len(optimizer.param_groups)):
            if self._flat is not None and 0 <= tick - self._flat <= 1:
                raise PlanError(
                    f"{what}: something writes one rate into all groups at every tick, as a finder does, and "
                    "their ratios would be lost. Let it end and load the optimizer's state again, or say "
                    'what is meant: scheduler.set("**", lr=…), scheduler.scale("**", …).'
                )
            self._flat = tick


def flattened(found: Sequence[Overwritten], groups: int) -> bool:
    """Whether all groups were given one rate."""
    rates = [one.found for one in found if one.name == "lr"]
    return len(rates) == groups and all(rate == rates[0] for rate in rates)


def check_order(held: Sequence[dict[str, Any]], groups: Sequence[Group]) -> None:
    """Refuse groups that were moved to other places: values would be taken for edits.

    Raises:
        PlanError: A group's name is not that of the group which was in its place.
    """
    for place, (found, group) in enumerate(zip(held, groups, strict=False)):
        if found.get("name") != group.name:
            raise PlanError(
                f'Group {place} of the optimizer is named {found.get("name")!r} and was "{group.name}". '
                "Leave groups, and their names, where they were made."
            )
