"""Training that turns out longer, or shorter, than was planned."""

from dataclasses import asdict

from paramgroups.errors import PlanError
from paramgroups.journal import Event
from paramgroups.schedules import Horizon


def longer(horizon: Horizon, step: float, *, steps: int | None, epochs: int | None) -> Event:
    """The event that training has another length.

    Args:
        horizon: How long it was to be.
        step: The present tick.
        steps: Updates in all.
        epochs: Epochs in all.

    Raises:
        PlanError: Training would be over, or what a tick is would change.
        ScheduleError: The lengths are none, or do not agree.
    """
    each = horizon.ticks_per_epoch if horizon.unit == "step" else None
    told = Horizon.of(steps, epochs, each)
    if told.ticks is None:
        raise PlanError("scheduler.extend: say how long training is in all: steps=, or epochs=.")
    if told.unit != horizon.unit:
        known = "epochs=" if horizon.unit == "epoch" else "steps= (how long an epoch is was not told)"
        raise PlanError(f"scheduler.extend: in this plan a tick is one {horizon.unit}. Give {known}.")
    if told.ticks <= step:
        raise PlanError(
            f"scheduler.extend: {told} would be over, at {horizon.unit} {step:,.15g}. Give a larger number."
        )
    return Event(step, "extend", "horizon", "horizon", asdict(told), horizon.ticks, told.ticks)
