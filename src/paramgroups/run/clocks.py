"""Two clocks: the scheduler's ticks and the optimizer's updates, which must not part."""

import warnings
import weakref
from typing import Any

from torch.optim import Optimizer

from paramgroups.errors import PlanError
from paramgroups.schedules import Horizon

ALONE = 10
FIX = (
    "Plan with epochs= if the scheduler steps once an epoch; else step both once per update "
    '(Lightning: {"scheduler": scheduler, "interval": "step"}; Accelerate: its step count per process).'
)

EARLY = (
    "scheduler.step() was called before the first optimizer.step(), so the first value of every schedule is "
    "passed over. Call optimizer.step() first."
)


class Clocks:
    """Counts updates beside ticks; where a tick is an update, ten of one without the other are an error.

    Args:
        horizon: Says what a tick is.
    """

    def __init__(self, horizon: Horizon) -> None:
        self._together = horizon.unit == "step" and horizon.ticks is not None
        self._ticks_alone = 0
        self._updates_alone = 0
        self._updated = False

    def watch(self, optimizer: Optimizer) -> None:
        """Count an optimizer's updates."""
        known = weakref.ref(self)

        def updated(*_: Any) -> None:
            if (living := known()) is not None:
                living.update()

        optimizer.register_step_post_hook(updated)

    def tick(self) -> None:
        """The scheduler steps.

        Raises:
            PlanError: The optimizer has not, for ten ticks.
        """
        if not self._updated and self._ticks_alone == 0:
            warnings.warn(EARLY, UserWarning, stacklevel=3)
        self._updates_alone = 0
        self._ticks_alone += 1
        if self._together and self._ticks_alone > ALONE:
            raise PlanError(
                f"The scheduler has ticked {ALONE} times without an update of the optimizer. {FIX}"
            )

    def update(self) -> None:
        """The optimizer steps.

        Raises:
            PlanError: The scheduler has not, for ten updates.
        """
        self._updated = True
        self._ticks_alone = 0
        self._updates_alone += 1
        if self._together and self._updates_alone > ALONE:
            raise PlanError(f"The optimizer has made {ALONE} updates without a tick of the scheduler. {FIX}")
