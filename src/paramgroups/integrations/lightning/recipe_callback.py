"""A callback: named rates into the logs, metrics to controllers, and a recipe for a module as it is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim import Optimizer

from paramgroups.errors import HostError, listing, shown
from paramgroups.integrations.conflicts import Passed, warn_of
from paramgroups.integrations.lightning.attendant import Attendant
from paramgroups.integrations.lightning.configuring import install
from paramgroups.integrations.lightning.host import (
    LightningModule,
    Trainer,
    callbacks_of,
    schedulers_of,
)
from paramgroups.integrations.lightning.refusals import check_returned
from paramgroups.integrations.logs import numbers
from paramgroups.integrations.metrics import asked_of, tell
from paramgroups.integrations.recipes import Named, recipe_of
from paramgroups.optim import is_finite, is_number
from paramgroups.planning.matching import Pins

if TYPE_CHECKING:
    from paramgroups.run import Scheduler

LOSS = "loss"
"""The metric that is the loss of a batch, told between backward and the update."""


class RecipeCallback(Attendant):
    """Connects a plan to what else a trainer knows.

    - The rate of every group goes to the trainer's loggers under its name, `lr/head`; with several parts
      `lr/generator/head`.
    - Controllers hear the metrics that they read: those of a validation when it is over (not of the sanity
      check), those of training at the end of an epoch. What reads `loss` hears the loss of each batch after
      backward and before the update.
    - A pair `[optimizer], [scheduler]` of `pg.build` ticks at each update if it was planned in steps.
    - Statistics that selectors have read are kept in checkpoints.

    Args:
        recipe: A recipe, or the path of one, for a module that configures something else: that is passed
            over, with a warning. Where you can edit the module, `return configure(self, recipe)` instead.
        statistics: Whether to log also `grad_norm/head`, `weight_norm/head` and `update_ratio/head`.
        every: After how many updates to log; the trainer's `log_every_n_steps` unless given.
        **options: With a recipe, how the optimizer steps, as `pg.build` takes it.

    Raises:
        HostError: The recipe is none, options are given without one, or `every` is no count; when training
            begins: nothing drives an optimizer by a plan, or the trainer was told what contradicts it.
    """

    def __init__(
        self,
        recipe: Named | None = None,
        *,
        statistics: bool = False,
        every: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if every is not None and not (
            is_number(every) and is_finite(every) and every >= 1 and every == int(every)
        ):
            raise HostError(
                f"RecipeCallback: every={shown(every)} is no number of updates. Give an int above 0."
            )
        if recipe is None and options:
            said = listing(f"{name}=" for name in options)
            raise HostError(
                f"RecipeCallback: {said} is for the optimizer of a recipe, and "
                "none is given. Write it in the module: configure(self, recipe, …)."
            )
        self._recipe = None if recipe is None else recipe_of(recipe, "RecipeCallback")
        self._statistics, self._every, self._options = statistics, every, options
        self._schedulers: dict[str, Scheduler] = {}
        self._due: dict[str, dict[str, float]] = {}
        self._before: dict[str, Any] = {}
        self._validated: set[str] = set()

    def state_dict(self) -> dict[str, Any]:
        """The statistics of weights that selectors have read."""
        return {"pins": {path: _plain(pins) for path, pins in self.pins.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them from a checkpoint."""
        self.pins = dict(state_dict["pins"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Training begins: the recipe is put in place, and ticks are mended."""
        if self._recipe is not None:
            _check_alone(trainer)
            _pass_over(trainer)
            install(trainer, pl_module, self._recipe, **self._options)
        self._schedulers = schedulers_of(trainer)
        self._due, self._before, self._validated = {}, {}, set()
        if not self._schedulers:
            raise HostError(
                "RecipeCallback finds no scheduler of a plan. Write `return configure(self, recipe)` in "
                "configure_optimizers, or give it a recipe: RecipeCallback(recipe)."
            )
        for scheduler in self._schedulers.values():
            check_returned(trainer, scheduler)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:  # noqa: ARG002  # Lightning's signature
        """Tell the loss of a batch to what reads it."""
        if len(self._schedulers) == 1:
            (scheduler,) = self._schedulers.values()
            if LOSS in asked_of(scheduler.plan):
                tell(scheduler, {LOSS: float(loss.detach()) * trainer.accumulate_grad_batches})

    def on_before_optimizer_step(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002  # Lightning's signature
        optimizer: Optimizer,
    ) -> None:
        """Note the rates of the coming update, where they are to be logged."""
        every = self._every or trainer.log_every_n_steps
        if not (trainer.loggers and every and (_logged_step(trainer) + 1) % every == 0):
            return
        for title, scheduler in self._schedulers.items():
            if scheduler.optimizer is optimizer:
                self._due[title] = numbers(scheduler)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Log what was noted, and what the update did."""
        if not self._due:
            return
        found = {
            _titled(name, title): value
            for title, rates in self._due.items()
            for name, value in (numbers(self._schedulers[title], statistics=self._statistics) | rates).items()
        }
        self._due = {}
        for logger in trainer.loggers:
            logger.log_metrics(found, step=_logged_step(trainer))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002  # Lightning's signature
        """Note what was measured before."""
        self._before = dict(trainer.callback_metrics)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002  # Lightning's signature
        """Tell controllers what a validation has measured: each measuring makes a new tensor."""
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        found = {
            name: value
            for name, value in trainer.callback_metrics.items()
            if value is not self._before.get(name)
        }
        self._validated |= set(found)
        self._tell(found)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002  # Lightning's signature
        """Tell controllers what training has measured."""
        found = {
            name: value for name, value in trainer.callback_metrics.items() if name not in self._validated
        }
        self._tell(found)

    def _tell(self, metrics: Mapping[str, Any]) -> None:
        found = {name: float(value) for name, value in metrics.items() if name != LOSS}
        for scheduler in self._schedulers.values():
            tell(scheduler, found)


def _titled(name: str, title: str) -> str:
    what, _, group = name.partition("/")
    return f"{what}/{title}{group}"


def _logged_step(trainer: Trainer) -> int:
    """The step under which Lightning logs all else."""
    return int(trainer.fit_loop.epoch_loop._batches_that_stepped)  # noqa: SLF001  # it has no public name


def _plain(pins: Pins) -> dict[str, dict[str, float]]:
    return {key: dict(values) for key, values in pins.items()}


def _check_alone(trainer: Trainer) -> None:
    if callbacks_of(trainer, "LearningRateFinder"):
        raise HostError(
            "RecipeCallback(recipe) comes after Lightning's range test, which has swept the module's own "
            "optimizer. Write `return configure(self, recipe, lr=self.lr)` in configure_optimizers."
        )


def _pass_over(trainer: Trainer) -> None:
    """Tell what the module has configured, which the recipe replaces."""
    passed = [Passed("optimizer", type(one).__name__, "optimizer") for one in trainer.optimizers]
    passed += [
        Passed("lr_scheduler", type(one.scheduler).__name__, "schedule")
        for one in trainer.lr_scheduler_configs
    ]
    if len(trainer.optimizers) > 1:
        raise HostError(
            f"RecipeCallback(recipe) is for a module with one optimizer, and this has "
            f"{len(trainer.optimizers)}. Write configure(self, recipe, part=…) for each of them."
        )
    warn_of("configure_optimizers", passed)
