"""What a trainer does that does not go with a plan: refused, passed over, or mended."""

from paramgroups.errors import HostError, listing
from paramgroups.integrations.conflicts import Passed, clips, warn_of
from paramgroups.integrations.lightning.host import LRSchedulerConfig, Trainer, callbacks_of, is_finder
from paramgroups.rules import Recipe
from paramgroups.run import Scheduler

AVERAGING = (
    "StochasticWeightAveraging puts a scheduler of its own in the place of the recipe's, which writes one "
    "rate into all groups. Take lightning.pytorch.callbacks.WeightAveraging or EMAWeightAveraging, which "
    "leave rates alone, and write how they end into the recipe: schedule=….then(constant(0.1))."
)
BATCH_SIZE = (
    "BatchSizeFinder changes the length of an epoch when all schedules are planned. Find the size before: "
    "Tuner(trainer).scale_batch_size(module), and then trainer.fit(module)."
)


def check_callbacks(trainer: Trainer) -> None:
    """Refuse callbacks that would undo a plan.

    Raises:
        HostError: There is one.
    """
    if callbacks_of(trainer, "StochasticWeightAveraging"):
        raise HostError(AVERAGING)
    finders = callbacks_of(trainer, "BatchSizeFinder")
    if not all(getattr(one, "_early_exit", False) for one in finders):  # the tuner's ends the fit
        raise HostError(BATCH_SIZE)


def pass_over_clipping(trainer: Trainer, recipe: Recipe) -> None:
    """Where both clip gradients the recipe does, and the trainer's is passed over, with a warning."""
    value = trainer.gradient_clip_val
    if value and clips(recipe):
        warn_of("Trainer", [Passed("gradient_clip_val", value, "clip_norm")], stacklevel=5)
        trainer.gradient_clip_val = None


def check_returned(trainer: Trainer, scheduler: Scheduler) -> None:
    """See that a trainer drives an optimizer by its plan: what it was told of ticks is mended.

    Raises:
        HostError: It was given another scheduler beside ours, or not ours, or two optimizers for the same
            parameters.
    """
    optimizer = scheduler.optimizer
    configs = [one for one in trainer.lr_scheduler_configs if one.scheduler.optimizer is optimizer]
    others = [one for one in configs if one.scheduler is not scheduler]
    if any(is_finder(one.scheduler) for one in others):
        return
    if others:
        raise HostError(
            f"configure_optimizers returns {listing(type(one.scheduler).__name__ for one in others)} along "
            "with the scheduler of the recipe: they would undo each other. Write it into the recipe, by "
            "schedule= and pg.control.plateau, and return what configure gives as it is."
        )
    if not configs:
        raise HostError(
            "configure_optimizers returns the optimizer of configure without its scheduler, so no schedule "
            "and no window would act. Return what configure gives as it is."
        )
    _check_apart(trainer, scheduler)
    _mend(configs[0], scheduler)


def _check_apart(trainer: Trainer, scheduler: Scheduler) -> None:
    theirs = {
        id(tensor)
        for optimizer in trainer.optimizers
        if optimizer is not scheduler.optimizer
        for group in optimizer.param_groups
        for tensor in group["params"]
    }
    twice = [
        name
        for group in scheduler.optimizer.param_groups
        for name, tensor in zip(group.get("param_names", ()), group["params"], strict=False)
        if id(tensor) in theirs
    ]
    if twice:
        raise HostError(
            f"Two optimizers hold {listing(twice)}: configure was called twice for the same parameters. "
            "Call it once, or for each part by itself: configure(self, recipe, part=self.generator)."
        )


def _mend(config: LRSchedulerConfig, scheduler: Scheduler) -> None:
    """Tick as was planned, whatever stands in a pair or a dict that somebody wrote."""
    if scheduler.plan.horizon.unit == "step":
        config.interval, config.frequency = "step", 1
    config.reduce_on_plateau = False
