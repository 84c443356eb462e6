"""What is done before an update without a callback of ours: a check, and the rates of a range test."""

from functools import cached_property
from typing import Any

from torch.optim import Optimizer

from paramgroups.integrations.lightning.host import Trainer, callbacks_of, is_finder
from paramgroups.integrations.lightning.rates import Shares
from paramgroups.integrations.lightning.refusals import check_returned
from paramgroups.optim.rows import ROWS
from paramgroups.run import Scheduler
from paramgroups.run.driving import drive, driver


class Attending:
    """Checks before the first update what the trainer was given, and follows Lightning's range test.

    The test exchanges the scheduler for its own, which writes one rate into all groups. Ours lets it drive
    meanwhile, and every group gets what it would have if that were the recipe's rate. When the state from
    before the test is loaded, ours drives again.

    Args:
        trainer: The trainer.
        scheduler: Our scheduler, just made.
    """

    def __init__(self, trainer: Trainer, scheduler: Scheduler) -> None:
        self._trainer, self._scheduler = trainer, scheduler
        self._finders = callbacks_of(trainer, "LearningRateFinder")
        self._checked = self._swept = False
        self._written: dict[str, float] = {}
        optimizer = scheduler.optimizer
        handle = optimizer.register_step_pre_hook(self._before_update)
        hooks = optimizer._optimizer_step_pre_hooks  # noqa: SLF001  # torch takes no prepend= here
        hooks.move_to_end(handle.id, last=False)  # type: ignore[attr-defined]  # it is ordered
        if self._finders:
            optimizer.register_load_state_dict_pre_hook(self._before_load)

    @cached_property
    def _shares(self) -> Shares:
        return Shares(self._scheduler.plan)

    def _before_update(self, optimizer: Optimizer, *_: Any) -> None:
        if self._checked and not self._finders:
            return
        given = [one.scheduler for one in self._trainer.lr_scheduler_configs]
        test = next((one for one in given if is_finder(one)), None)
        if test is not None:
            drive(optimizer, test)
            self._swept = True
            self._write(optimizer, float(test.get_last_lr()[0]))
            return
        if self._swept:
            self._adopt(optimizer)
        if not self._checked:
            check_returned(self._trainer, self._scheduler)
            self._checked = True

    def _before_load(self, optimizer: Optimizer, _: dict[str, Any]) -> None:
        if self._swept and driver(optimizer) is not self._scheduler:
            drive(optimizer, self._scheduler)
            self._written = {}

    def _write(self, optimizer: Optimizer, common: float) -> None:
        """The rates of one update of the test; what is frozen stays so."""
        scheduler = self._scheduler
        live = {name: row.trainable for name, row in scheduler.plan.at(max(scheduler.last_epoch, 0)).items()}
        for group in optimizer.param_groups:
            rate = self._shares.rate(group["name"], common)
            rate = rate if any(live.get(name, True) for name in group["param_names"]) else 0.0
            _write(group, rate, self._written.get(group["name"]) or scheduler.rates[group["name"]])
            self._written[group["name"]] = rate

    def _adopt(self, optimizer: Optimizer) -> None:
        """The rate that a test suggests, written into all groups: the recipe's common rate from now on."""
        self._swept = False
        found = {group["lr"] for group in optimizer.param_groups}
        suggested = {one.optimal_lr.suggestion() for one in self._finders if one.optimal_lr is not None}
        if len(found) != 1 or not found <= suggested or not self._scheduler.plan.given.lr:
            return  # of a recipe whose rate is 0 no group's is a multiple
        (common,) = found
        scheduler = self._scheduler
        for group in optimizer.param_groups:
            group["lr"] = scheduler.rates[group["name"]]
        for name in scheduler.rates:
            if self._shares.follows(name):
                scheduler.scale(name, common / scheduler.plan.given.lr)


def _write(group: dict[str, Any], rate: float, before: float) -> None:
    """Write a group's rate; its rows keep their ratio to it."""
    group["lr"] = rate
    for row in group.get(ROWS, ()):
        if "lr" in row and before:
            row["lr"] *= rate / before
