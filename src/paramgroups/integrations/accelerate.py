"""Hugging Face's Accelerate, which wraps model, optimizer and loader for the processes that train them.

Two lines of a loop are ours: how long training is, and `prepare`, which makes the optimizer and the scheduler
of a plan and prepares them with the model. The loop itself stays as Accelerate's users write it.
"""

import math
from collections.abc import Iterable
from typing import Any, TypedDict

from accelerate import Accelerator
from accelerate.utils import DistributedType, extract_model_from_parallel
from accelerate.utils.deepspeed import DummyOptim, DummyScheduler
from accelerate.utils.megatron_lm import MegatronLMDummyScheduler
from torch import nn
from torch.optim import Optimizer

from paramgroups.errors import HostError, counted, listing, shown
from paramgroups.integrations.conflicts import Passed, warn_of
from paramgroups.integrations.ticking import UpdateScheduler
from paramgroups.planning import Plan
from paramgroups.run import Scheduler, build

DUMMIES = (DummyOptim, DummyScheduler, MegatronLMDummyScheduler)
"""What stands for an optimizer or a scheduler that a configuration file describes."""

OTHERS = {
    DistributedType.DEEPSPEED: "DeepSpeed flattens the parameters of a group into one tensor",
    DistributedType.MEGATRON_LM: "Megatron-LM makes its own optimizer",
}
"""Ways to train in which an optimizer does not see the parameters, and why."""


class Lengths(TypedDict, total=False):
    """How long training is, as `pg.plan` takes it."""

    steps: int
    epochs: int
    steps_per_epoch: int


class PreparedScheduler(UpdateScheduler):
    """A `pg.Scheduler` for loops that call `step()` at every batch; `prepare` makes it.

    Where a tick is an update, it goes on only where the optimizer has made one since the last tick: not at a
    batch whose gradients are accumulated, nor where a gradient scaler has skipped the update, and once in
    each process, however many there are. Where a tick is an epoch, every call is one.
    """

    _is_accelerate_prepared = True
    """Says to Accelerate that it needs no wrapper, which would step it once for each process."""


def length(accelerator: Accelerator, loader: Any, *, epochs: int) -> Lengths:
    """How many updates training has, as `pg.plan` takes it: in this process, with gradients accumulated.

    Args:
        accelerator: The accelerator.
        loader: The loader that is trained on, as `accelerator.prepare` has returned it: only that knows
            how many batches this process gets.
        epochs: How often it is gone through.

    Returns:
        `epochs` and `steps_per_epoch`; `steps` alone where accumulation goes on over the end of an epoch.

    Raises:
        HostError: The accelerator is none, the loader is not prepared or does not know its length, or
            `epochs` is no number of them.

    Example:
        >>> from accelerate import Accelerator
        >>> from paramgroups.integrations.accelerate import length
        >>> from torch.utils.data import DataLoader
        >>> accelerator = Accelerator(cpu=True, gradient_accumulation_steps=4)
        >>> length(accelerator, accelerator.prepare(DataLoader(range(10))), epochs=3)
        {'epochs': 3, 'steps_per_epoch': 3}
    """
    _check_accelerator("length", accelerator)
    if type(epochs) is not int or epochs < 1:
        raise HostError(
            f"length: epochs={shown(epochs)} says not how often the loader is gone through. Give 3."
        )
    if not getattr(loader, "_is_accelerate_prepared", False):
        raise HostError(
            f"length: {shown(loader)} is not prepared, so it does not know which part of the batches this "
            "process gets. First: loader = accelerator.prepare(loader)."
        )
    try:
        batches = len(loader)
    except TypeError as error:
        raise HostError(
            f"length: the loader does not know how many batches it has ({error}). Say how many updates are "
            "made in all: pg.plan(model, recipe, steps=…)."
        ) from error
    each = accelerator.gradient_accumulation_steps
    if not accelerator.gradient_state.sync_with_dataloader:
        return {"steps": epochs * batches // each}
    return {"epochs": epochs, "steps_per_epoch": math.ceil(batches / each)}


def prepare(  # noqa: PLR0913  # what build takes, besides
    accelerator: Accelerator,
    plan: Plan,
    model: nn.Module,
    *others: Any,
    optimizer: Optimizer | None = None,
    freezing: str | None = None,
    together: Any = None,
    **options: Any,
) -> tuple[Any, ...]:
    """Make the optimizer and the scheduler of a plan, and prepare them with the model: one line for both.

    Instead of `pg.build(plan)` and `accelerator.prepare(…)`. The scheduler is a `pg.Scheduler`: call its
    `step()` where Accelerate's loops do; it ticks once for each update. `accelerator.save_state` saves it,
    and `accelerator.load_state` loads it.

    Args:
        accelerator: The accelerator.
        plan: The plan, of this model.
        model: The model, prepared or not.
        *others: What else `accelerator.prepare` takes: loaders, other models.
        optimizer: One of another package, made of `plan.param_groups()`; ours is built unless given.
        freezing: As for `pg.build`.
        together: As for `pg.build`.
        **options: As for `pg.build`.

    Returns:
        The model, the optimizer, the scheduler, and then the others in their order.

    Raises:
        HostError: The accelerator is none, something else makes the optimizer or the scheduler, options come
            with an optimizer, DeepSpeed or Megatron-LM trains, or an optimizer of this model is prepared
            already.
        PlanError: As for `pg.build`.

    Example:
        >>> import paramgroups as pg, torch
        >>> from accelerate import Accelerator
        >>> from paramgroups.integrations.accelerate import prepare
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2))
        >>> plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0, schedule=pg.schedules.linear()), steps=4)
        >>> accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
        >>> model, optimizer, scheduler = prepare(accelerator, plan, model)
        >>> for _ in range(4):
        ...     with accelerator.accumulate(model):
        ...         accelerator.backward(model(torch.ones(1, 4)).sum())
        ...         optimizer.step(); scheduler.step(); optimizer.zero_grad()
        >>> scheduler.last_epoch, scheduler.rates
        (2, {'default': 0.5})
    """
    _check_accelerator("prepare", accelerator)
    _check_given(plan, model, [*others, optimizer])
    _check_options(optimizer, options)
    _check_kind(accelerator)
    _check_free(accelerator, model)
    _warn(accelerator, plan)
    how = {"freezing": freezing, "together": together}
    if optimizer is None:
        optimizer, _ = build(plan, model, **how, **options)
    else:
        Scheduler(optimizer, plan, model, **how)  # refuses what does not fit, before anything is prepared
    made = accelerator.prepare(model, optimizer, *others)  # wraps the model, and may replace its tensors
    scheduler = PreparedScheduler(optimizer, plan, made[0], **how)
    return *made[:2], accelerator.prepare(scheduler), *made[2:]


def _check_accelerator(who: str, accelerator: Any) -> None:
    if not isinstance(accelerator, Accelerator):
        raise HostError(
            f"{who}: {shown(accelerator)} is no Accelerator. It comes first: {who}(accelerator, …), with "
            "accelerator = Accelerator()."
        )


def _check_options(optimizer: Optimizer | None, options: Iterable[str]) -> None:
    if optimizer is not None and (said := listing(f"{name}=" for name in options)):
        raise HostError(
            f"prepare: {said} is for the optimizer that is built, and optimizer= is given. Leave one out."
        )


def _check_given(plan: Any, model: Any, others: Iterable[Any]) -> None:
    if not (isinstance(plan, Plan) and isinstance(model, nn.Module)):
        raise HostError(
            f"prepare was given {type(plan).__name__} and {type(model).__name__} for a plan and a model: "
            "prepare(accelerator, plan, model, loader)."
        )
    for one in others:
        if isinstance(one, DUMMIES):
            raise HostError(
                f"{type(one).__name__} stands for what a configuration file describes, and the plan gives "
                "the optimizer and the scheduler. Take it away, and what it stands for from the file."
            )
        if isinstance(one, Scheduler):
            raise HostError(
                "prepare makes the scheduler itself, of the plan, so that it ticks once for each update. "
                "Give the plan alone: prepare(accelerator, plan, model, loader)."
            )


def _check_kind(accelerator: Accelerator) -> None:
    if why := OTHERS.get(accelerator.distributed_type):
        raise HostError(
            f"{why}, so neither names nor rows nor freezing would be what was planned. Launch with DDP or "
            "FSDP2, or give the host plan.param_groups() and pg.Scheduler(optimizer, plan) yourself."
        )


def _check_free(accelerator: Accelerator, model: nn.Module) -> None:
    """Refuse a model that a prepared optimizer steps: it would be saved and loaded in the new one's place."""
    mine = set(map(id, extract_model_from_parallel(model).parameters()))
    held = accelerator._optimizers  # noqa: SLF001  # Accelerate tells it by no public name
    taken = [
        one for one in held for group in one.param_groups if not mine.isdisjoint(map(id, group["params"]))
    ]
    if taken:
        raise HostError(
            f"The accelerator holds {counted(len(set(map(id, taken))), 'optimizer')} of this model, and "
            "would save and load that in place of the new one. Call accelerator.free_memory() before a "
            "second training."
        )


def _warn(accelerator: Accelerator, plan: Plan) -> None:
    if not accelerator.step_scheduler_with_optimizer and plan.horizon.unit == "step":
        passed = Passed("step_scheduler_with_optimizer", False, "steps: a tick is an update")
        warn_of("Accelerator", [passed], stacklevel=4)
