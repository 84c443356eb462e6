"""From a plan to an optimizer and a scheduler."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from paramgroups.errors import PlanError, nearest
from paramgroups.optim import OptimizerClass, optimizer_class
from paramgroups.optim.optimizer import Optimizer
from paramgroups.planning import Plan
from paramgroups.planning.binding import on_meta
from paramgroups.run.abilities import check_rows
from paramgroups.run.adopting import check_planned
from paramgroups.run.flattened import check_flat
from paramgroups.run.making import make
from paramgroups.run.scheduler import Scheduler

OPTIONS = ("backend", "statistics", "skip_nonfinite", "master_weights")
LONGEST = 100
"""No name of an option is longer; more of a wrong one is not compared."""


def build(
    plan: Plan,
    model: nn.Module | None = None,
    *,
    freezing: str | None = None,
    together: Any = None,
    **options: Any,
) -> tuple[Optimizer, Scheduler]:
    """The optimizer and the scheduler that a plan asks for, bound to a live model.

    The optimizer is ours for any recipe: it steps what we have an update rule for in one pass, and lets the
    classes of torch or of the user step the rest.

    Args:
        plan: The plan.
        model: The live model, where it is not the planned one: after `to_empty`, `fully_shard` or
            `load_state_dict(assign=True)`, or for a plan made on `meta`. It may be a part of the planned
            one, whose parameters have the same names in it.
        freezing: How windows on `trainable` are kept: `"flags"` (`requires_grad` is cleared, which saves the
            work of backward) or `"masks"` (gradients flow, and are cleared before each update, so that all
            processes do the same). Chosen by the number of processes unless given.
        together: Which processes train this model together, and so decide alike (docs/many_machines.md): a
            process group of torch.distributed, True for all, False for none. Found by what wraps the model
            unless given.
        **options: How the optimizer steps, as `pg.Optimizer` takes it: `backend`, `statistics`,
            `skip_nonfinite`, `master_weights`. What it is to do stands in the recipe.

    Returns:
        A torch optimizer, and a torch `LRScheduler` that drives it.

    Raises:
        PlanError: All is frozen, the model is not the planned one or has no values, rows of a tensor are to
            have values of their own where a class of torch's steps it, or there is no such option.
        OptimizerError: The optimizer cannot be made so.

    Example:
        >>> import paramgroups as pg, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2))
        >>> plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1))
        >>> optimizer, scheduler = pg.build(plan)
        >>> type(optimizer).__name__, optimizer.param_groups[0]["lr"]
        ('Optimizer', 0.1)
    """
    if not isinstance(plan, Plan):
        raise PlanError(f"pg.build: {type(plan).__name__} is no plan. Make one: pg.plan(model, recipe, …).")
    check_planned(plan)
    _check_options(options)
    live = plan.live_model(model)
    check_flat(live)
    groups = plan.param_groups(live)
    if not groups:
        raise PlanError(
            "All parameters are frozen for the whole run, so there is nothing to step. Take trainable=False "
            "off some rule, or set requires_grad before the plan is made. A stage of a pipeline with nothing "
            "to step has no optimizer: name the processes that have one by together=."
        )
    if on_meta(tensor for group in groups for tensor in group["params"]):
        raise PlanError(
            "The model is on meta and has no values. Bind the plan to the real one: pg.build(plan, model=…)."
        )
    for group in plan.groups:
        check_rows(group)
    optimizer = make(_main(plan), groups, plan.given.settings, options)
    return optimizer, Scheduler(optimizer, plan, live, freezing=freezing, together=together)


def _main(plan: Plan) -> OptimizerClass:
    """Who steps the groups that do not say it: the only optimizer of the plan, or that of the recipe."""
    found = {group.profile.optimizer.named: group.profile.optimizer for group in plan.groups}
    return next(iter(found.values())) if len(found) == 1 else optimizer_class(plan.given.optimizer)


def _check_options(options: Iterable[str]) -> None:
    for name in options:
        if name not in OPTIONS:
            raise PlanError(
                f'pg.build has no option "{name}". {nearest(name[:LONGEST], OPTIONS)} What the optimizer is '
                "to do, such as its rates, stands in the recipe."
            )
