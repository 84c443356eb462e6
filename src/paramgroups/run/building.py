"""From a plan to an optimizer and a scheduler."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from paramgroups.errors import PlanError, listing
from paramgroups.optim import OptimizerClass
from paramgroups.planning import Plan
from paramgroups.planning.binding import on_meta
from paramgroups.run.adopting import check_planned
from paramgroups.run.making import make
from paramgroups.run.scheduler import Scheduler


def build(plan: Plan, model: nn.Module | None = None) -> tuple[Optimizer, Scheduler]:
    """The optimizer and the scheduler that a plan asks for, bound to a live model.

    Args:
        plan: The plan.
        model: The live model, where it is not the planned one: after `to_empty`, `fully_shard` or
            `load_state_dict(assign=True)`, or for a plan made on `meta`. It may be a part of the planned
            one, whose parameters have the same names in it.

    Returns:
        A torch optimizer, and a torch `LRScheduler` that drives it.

    Raises:
        PlanError: All is frozen, the model is not the planned one or has no values, or the plan asks
            for what one torch optimizer cannot do.

    Example:
        >>> import paramgroups as pg, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2))
        >>> plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1))
        >>> optimizer, scheduler = pg.build(plan)
        >>> type(optimizer).__name__, optimizer.param_groups[0]["lr"]
        ('SGD', 0.1)
    """
    if not isinstance(plan, Plan):
        raise PlanError(f"pg.build: {type(plan).__name__} is no plan. Make one: pg.plan(model, recipe, …).")
    check_planned(plan)
    live = plan.live_model(model)
    groups = plan.param_groups(live)
    if not groups:
        raise PlanError(
            "All parameters are frozen for the whole run, so there is nothing to step. Take trainable=False "
            "off some rule, or set requires_grad before the plan is made."
        )
    if on_meta(tensor for group in groups for tensor in group["params"]):
        raise PlanError(
            "The model is on meta and has no values. Bind the plan to the real one: pg.build(plan, model=…)."
        )
    optimizer = make(_one_class(plan, groups), groups, plan.given.settings)
    return optimizer, Scheduler(optimizer, plan, live)


def _one_class(plan: Plan, bound: Iterable[dict[str, Any]]) -> OptimizerClass:
    names = {group["name"] for group in bound}
    found = {
        group.profile.optimizer.cls: group.profile.optimizer for group in plan.groups if group.name in names
    }
    if len(found) > 1:
        raise PlanError(
            f"The plan names several optimizers, {listing(one.name for one in found.values())}, and one "
            "torch optimizer cannot be all. Make each of its own groups in plan.param_groups(), or name one."
        )
    return next(iter(found.values()))
