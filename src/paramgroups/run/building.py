"""From a plan to an optimizer and a scheduler."""

import inspect
from typing import Any

from torch import nn
from torch.optim import Optimizer

from paramgroups.errors import PlanError, listing
from paramgroups.optim import OptimizerClass, pack
from paramgroups.planning import Plan
from paramgroups.planning.binding import on_meta
from paramgroups.run.scheduler import Scheduler


def build(plan: Plan, model: nn.Module | None = None) -> tuple[Optimizer, Scheduler]:
    """The optimizer and the scheduler that a plan asks for, bound to a live model.

    Args:
        plan: The plan.
        model: The live model, where it is not the planned one: after `to_empty`, `fully_shard` or
            `load_state_dict(assign=True)`, or for a plan made on `meta`.

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
    live = plan.live_model(model)
    groups = plan.param_groups(live)
    if not groups:
        raise PlanError("All parameters are frozen for the whole run, so there is nothing to step.")
    if on_meta(tensor for group in groups for tensor in group["params"]):
        raise PlanError(
            "The model is on meta and has no values. Bind the plan to the real one: pg.build(plan, model=…)."
        )
    optimizer = _made(_one_class(plan), plan, groups)
    return optimizer, Scheduler(optimizer, plan, live)


def _one_class(plan: Plan) -> OptimizerClass:
    found = {group.profile.optimizer.name: group.profile.optimizer for group in plan.groups}
    if len(found) > 1:
        raise PlanError(
            f"The plan names several optimizers, {listing(found)}, and one torch optimizer cannot be all. "
            "Make each of its own groups in plan.param_groups(), or name one."
        )
    return next(iter(found.values()))


def _made(optimizer: OptimizerClass, plan: Plan, groups: list[dict[str, Any]]) -> Optimizer:
    """Its class checks some settings only where it is made, so give it the recipe's too."""
    wanted = inspect.signature(optimizer.cls).parameters
    settings = {name: value for name, value in pack(plan.recipe.settings).items() if name in wanted}
    try:
        return optimizer.cls(groups, **settings)
    except (TypeError, ValueError, RuntimeError) as error:
        raise PlanError(f"{optimizer.name} does not take the plan's groups: {error}") from error
