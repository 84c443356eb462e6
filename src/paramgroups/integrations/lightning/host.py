"""Lightning, under the name by which it is installed: `lightning`, or `pytorch_lightning`."""

from typing import Any

from torch.optim.lr_scheduler import LRScheduler

from paramgroups.errors import HostError, shown
from paramgroups.run import Scheduler

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.utilities.types import LRSchedulerConfig
except ModuleNotFoundError:  # the same code is published under two names
    from pytorch_lightning import Callback, LightningModule, Trainer
    from pytorch_lightning.utilities.types import LRSchedulerConfig

__all__ = ["Callback", "LRSchedulerConfig", "LightningModule", "Trainer"]

NAMES = ("lightning", "pytorch_lightning")


def is_a(thing: object, name: str) -> bool:
    """Whether something is of a class of Lightning's, under whichever of its names it was imported."""
    return any(cls.__name__ == name and cls.__module__.split(".")[0] in NAMES for cls in type(thing).__mro__)


def callbacks_of(trainer: Trainer, name: str) -> list[Any]:
    """The trainer's callbacks of a class of Lightning's."""
    return [one for one in trainer.callbacks if is_a(one, name)]


def trainer_of(module: Any) -> Trainer:
    """The trainer that trains a module.

    Raises:
        HostError: It is no LightningModule, or nothing trains it yet.
    """
    if not is_a(module, "LightningModule"):
        raise HostError(
            f"configure: {shown(module)} is no LightningModule. Write `return configure(self, recipe)` in "
            "its configure_optimizers; any other module is for pg.plan and pg.build."
        )
    try:
        trainer = module.trainer
    except RuntimeError:
        trainer = None
    if not is_a(trainer, "Trainer"):
        raise HostError(
            f"configure: no Trainer is attached to this {type(module).__name__}, so nobody knows how long "
            "training is. Call it in configure_optimizers, and start by trainer.fit(module). With Fabric or "
            "a loop of your own: pg.build(pg.plan(module, recipe, steps=…))."
        )
    found: Trainer = trainer
    return found


def schedulers_of(trainer: Trainer) -> dict[str, Scheduler]:
    """Our schedulers, each by what its names in a log begin with: nothing where it is the only one."""
    ours = [one for one in trainer.lr_scheduler_configs if isinstance(one.scheduler, Scheduler)]
    if len(ours) == 1:
        return {"": ours[0].scheduler}
    parts = [(one.name or "").removeprefix("lr").removeprefix("/") for one in ours]
    titles = parts if len(set(parts)) == len(parts) else [str(number) for number in range(len(ours))]
    return {f"{title}/": one.scheduler for title, one in zip(titles, ours, strict=True)}


def is_finder(scheduler: LRScheduler) -> bool:
    """Whether it is what Lightning's range test puts in the place of a scheduler."""
    return type(scheduler).__module__.endswith(".tuner.lr_finder")
