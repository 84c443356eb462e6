"""The state of a scheduler as plain data, and what is read out of one."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from paramgroups.errors import CheckpointError, PlanError, listing, shown
from paramgroups.journal import Event, Journal
from paramgroups.optim import is_finite, is_number

WAITING = -1
"""The `last_epoch` that torch's SequentialLR gives a scheduler before its turn."""


UNGUARDED: Mapping[str, Any] = {"orders": (), "kept": {}, "live": None}
"""What a run without guards has to save of them."""


class Saved(NamedTuple):
    """What a saved scheduler remembered.

    Attributes:
        tick: Where it stood.
        steps: How often it was stepped.
        journal: What had been decided.
        feedback: What its controllers remembered, not yet read.
        guards: What its guards had still to do, and had kept, not yet read.
        updated: Whether the optimizer had stepped since its last tick.
        ahead: How many of the last events were dated at the next update.
        unit: What a tick was.
    """

    tick: float
    steps: int
    journal: Journal
    feedback: Any
    guards: Any
    updated: bool
    ahead: int
    unit: str


def read_state(state: Any) -> Saved:
    """What a state says.

    Raises:
        CheckpointError: It is not of this library's scheduler.
    """
    try:
        journal = Journal(Event.read(data) for data in state["journal"])
        steps, ahead = _count(state["_step_count"], 0), _count(state["ahead"], 0, len(journal))
        tick, unit = _read_tick(state["last_epoch"]), str(state["unit"])
        return Saved(
            tick,
            steps,
            journal,
            state["feedback"],
            state.get("guards", UNGUARDED),
            bool(state["updated"]),
            ahead,
            unit,
        )
    except (
        LookupError,
        TypeError,
        ValueError,
        RuntimeError,
        OverflowError,
        PlanError,
        CheckpointError,
    ) as error:
        found = (
            (listing(map(str, state)) or "nothing") if isinstance(state, Mapping) else type(state).__name__
        )
        raise CheckpointError(
            f"This is no state of pg.Scheduler: {error!r}. It has: {found}. Load what its own state_dict() "
            "gave; a torch scheduler's state does not say which values it stood for."
        ) from error


def _count(found: Any, least: int, most: float = math.inf) -> int:
    count = int(found)
    if not least <= count <= most:
        raise CheckpointError(f"{count} is not from {least} to {most}")
    return count


def _read_tick(found: Any) -> float:
    """Where it stood: before the first tick, if it waited in torch's SequentialLR for others to end."""
    return WAITING if found == WAITING else checked_tick(found)


def checked_tick(epoch: Any) -> float:
    """A tick to go to: a number of at least 0, also numpy's or a tensor's.

    Raises:
        PlanError: It is none.
    """
    value = epoch.item() if hasattr(epoch, "dtype") and hasattr(epoch, "item") else epoch
    if not is_number(value) or not is_finite(value) or value < 0:
        raise PlanError(
            f"scheduler.step({shown(epoch)}): give the tick to go to, a number of at least 0, or nothing "
            "for the next."
        )
    return float(value) if isinstance(value, float) else int(value)
