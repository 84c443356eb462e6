"""Two clocks: the scheduler's ticks and the optimizer's updates, which must not part."""

import warnings

from paramgroups.errors import PlanError
from paramgroups.schedules import Horizon

APART = 10
FIX = (
    "Plan with epochs= if the scheduler steps once an epoch; else step both once per update "
    '(Lightning: {"scheduler": scheduler, "interval": "step"}; Accelerate, which steps a scheduler once for '
    "each process: prepare of paramgroups.integrations.accelerate)."
)

EARLY = (
    "scheduler.step() was called before the first optimizer.step(), so the first value of every schedule is "
    "passed over. Call optimizer.step() first."
)


class Clocks:
    """Counts updates beside ticks; where a tick is an update, more than ten apart are an error.

    Each round of one update and one tick mends a step of what they were apart, so that the updates which a
    gradient scaler skips now and then do not add up over a long run.

    Args:
        horizon: Says what a tick is.

    Attributes:
        updated: Whether the optimizer has stepped since the last tick.
    """

    def __init__(self, horizon: Horizon) -> None:
        self._together = False
        self._ahead = 0
        self._updates = 0  # of the present round
        self._ticks = 0  # that followed them
        self._updated = False
        self.updated = False
        self.follow(horizon)

    def follow(self, horizon: Horizon) -> None:
        """Training has another length; what was counted while it had no known one does not matter."""
        together = horizon.unit == "step" and horizon.ticks is not None
        if together and not self._together:
            self._ahead = 0
        self._together = together

    def resume(self, *, updated: bool) -> None:
        """Go on where a saved run stood: whether an update had been made since its last tick."""
        self.updated = updated
        self._updated = self._updated or updated

    def tick(self, *, first: bool) -> None:
        """The scheduler steps.

        Args:
            first: Whether it leaves the first tick.

        Raises:
            PlanError: The optimizer has lagged behind by more than ten.
        """
        if first and not self._updated:
            warnings.warn(EARLY, UserWarning, stacklevel=3)
        self.updated = False
        self._ticks += 1
        self._ahead += 1
        self._check()

    def check_end(self, tick: float, horizon: Horizon) -> None:
        """Warn once, when training goes on long after its end."""
        if horizon.ticks is not None and tick == horizon.ticks + APART:
            warnings.warn(
                f"Training has gone on for {APART} {horizon.unit}s past its end, {horizon}: all values stay "
                f"as they were then. A tick is one {horizon.unit} in this plan; where training is longer, "
                "plan so or tell scheduler.extend.",
                UserWarning,
                stacklevel=3,
            )

    def update(self) -> None:
        """The optimizer steps.

        Raises:
            PlanError: The scheduler has lagged behind by more than ten.
        """
        self._updated = self.updated = True
        if self._ticks:
            self._begin_round()
        self._updates += 1
        self._ahead -= 1
        self._check()

    def withdraw(self) -> None:
        """The last update was none: a gradient scaler has left it out."""
        self.updated = False
        self._updates -= 1
        self._ahead += 1

    def _begin_round(self) -> None:
        if self._updates == self._ticks == 1:
            self._ahead -= (self._ahead > 0) - (self._ahead < 0)
        self._updates = self._ticks = 0

    def _check(self) -> None:
        if self._together and abs(self._ahead) > APART:
            leads, lags = ("scheduler has ticked", "optimizer has made updates")
            if self._ahead < 0:
                leads, lags = "optimizer has made updates", "scheduler has ticked"
            raise PlanError(
                f"The {leads} {abs(self._ahead)} times more than the {lags}, and in this plan a tick is an "
                f"update: schedules would run at another speed than was planned. {FIX}"
            )
