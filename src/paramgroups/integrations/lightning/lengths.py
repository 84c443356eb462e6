"""How long a trainer trains, in updates of the optimizer."""

import math

from paramgroups.integrations.lightning.host import Trainer, callbacks_of

TRIAL = 100
"""So many are planned for a `fast_dev_run`, which makes a few, and for no batch: shares of those are none."""


def length_of(trainer: Trainer, *, automatic: bool = True) -> dict[str, int]:
    """How long training is, as `pg.plan` takes it; what cannot be known is left out.

    Args:
        trainer: The trainer; its data are loaded if that was not done yet.
        automatic: Whether it steps the optimizer itself, so that its count of steps is that of updates.

    Returns:
        `steps`, where training has an end, and `steps_per_epoch`, where an epoch has. Steps are those that
        are left, where a trainer goes on that has trained before.
    """
    if trainer.fast_dev_run or trainer.limit_train_batches == 0:
        return {"steps": TRIAL, "steps_per_epoch": TRIAL}
    estimated = trainer.estimated_stepping_batches
    if trainer.train_dataloader is None:  # no end, so that the trainer has not looked
        trainer.fit_loop.setup_data()
    each = _of_epoch(trainer)
    turns = callbacks_of(trainer, "GradientAccumulationScheduler")
    if turns and trainer.max_epochs not in (None, -1):
        estimated = _accumulated(trainer, turns[0].scheduling)
    found = {} if each is None or turns else {"steps_per_epoch": each}
    if math.isfinite(estimated) and estimated >= 0:
        found["steps"] = max(int(estimated) - _made(trainer, each, automatic=automatic), 1)
    return found


def _of_epoch(trainer: Trainer) -> int | None:
    batches = trainer.num_training_batches
    return math.ceil(batches / trainer.accumulate_grad_batches) if 0 < batches < math.inf else None


def _made(trainer: Trainer, each: int | None, *, automatic: bool) -> int:
    """The updates of earlier calls of `fit`: a trainer counts on, and a checkpoint brings its own count."""
    if trainer.ckpt_path is not None:
        return 0
    return int(trainer.global_step if automatic else trainer.current_epoch * (each or 0))


def _accumulated(trainer: Trainer, scheduling: dict[int, int]) -> float:
    """All updates where the number of batches to an update differs from epoch to epoch."""
    batches, epochs = trainer.num_training_batches, trainer.max_epochs or 0
    factors = [scheduling[max(at for at in scheduling if at <= epoch)] for epoch in range(epochs)]
    total = sum(math.ceil(batches / factor) for factor in factors) if batches < math.inf else math.inf
    return total if trainer.max_steps == -1 else min(total, trainer.max_steps)
