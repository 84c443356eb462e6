"""Who else drives an optimizer's rates."""

import gc
from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ChainedScheduler, LRScheduler, SequentialLR

from paramgroups.errors import PlanError, listing
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


def check_alone(
    optimizer: Optimizer, ours: type[LRScheduler], found: Sequence[Overwritten], count: int
) -> None:
    """Refuse to take for edits what another scheduler has written.

    Args:
        optimizer: The optimizer.
        ours: The class of our scheduler.
        found: What was written.
        count: How often something was found: others are looked for at the first, second, fourth, … time.

    Raises:
        PlanError: Another scheduler is alive that writes this optimizer's rates.
    """
    if count & (count - 1):
        return
    if others := other_schedulers(optimizer, ours):
        one = found[0]
        raise PlanError(
            f"{one.name} was written as {one.left!r} and is {one.found!r} now, and {listing(others)} writes "
            "this optimizer's rates too: they would undo each other. Join schedules by .then() and *, and "
            "change values by scheduler.set or scheduler.scale."
        )
