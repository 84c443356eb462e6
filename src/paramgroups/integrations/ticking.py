"""A scheduler for hosts that step it also where no update was made."""

from typing import Any

from paramgroups.integrations.updates import is_overflown
from paramgroups.run import Scheduler
from paramgroups.run.driving import hook


class UpdateScheduler(Scheduler):
    """A `pg.Scheduler` that goes on only where the optimizer has made an update since the last tick.

    There is none where a gradient scaler has found an overflow, also if the optimizer is called all the same.
    Where a tick is an epoch, every call of `step()` is one.

    Example:
        >>> import paramgroups as pg, torch
        >>> model = torch.nn.Linear(2, 1)
        >>> plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0, schedule=pg.schedules.linear()), steps=4)
        >>> optimizer, _ = pg.build(plan)
        >>> scheduler = UpdateScheduler(optimizer, plan, model)
        >>> optimizer.step()
        >>> scheduler.step(); scheduler.step()
        >>> scheduler.last_epoch
        1
    """

    def step(self, epoch: float | None = None) -> None:
        """Go on by one tick, if there was an update.

        Args:
            epoch: The tick to go to, as `pg.Scheduler.step` takes it.

        Raises:
            PlanError: As `pg.Scheduler.step` does.
            AgreementError: Likewise.
        """
        begins = self._step_count == 0  # torch's own call, where a scheduler is made
        if begins or epoch is not None or self._horizon.unit == "epoch" or self._clocks.updated:
            super().step(epoch)

    def _attach(self) -> None:
        super()._attach()
        self.optimizer.register_step_post_hook(hook(self, UpdateScheduler._leave_out))

    def _leave_out(self, *_: Any) -> None:
        """Behind the hook that counts an update."""
        if is_overflown(self.optimizer):
            self._clocks.withdraw()
