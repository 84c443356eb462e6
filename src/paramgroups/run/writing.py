"""Writing planned values into an optimizer's groups, the one place that hosts look at."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from paramgroups.errors import PlanError, listing
from paramgroups.planning import Group, Plan


def planned_groups(optimizer: Optimizer, plan: Plan) -> list[Group]:
    """The plan's group for each group of the optimizer, in the optimizer's order.

    Raises:
        PlanError: A group has no name or not one of the plan, one is lacking, or the plan asks of the
            optimizer what it does not do.
    """
    known = {group.name: group for group in plan.groups}
    names = [group.get("name") for group in optimizer.param_groups]
    strange = [str(name) for name in names if name not in known]
    lacking = [name for name in known if name not in names]
    if strange or (lacking and not names):
        raise PlanError(
            f"The optimizer's groups are not the plan's: it has {listing(map(str, names))}, the plan "
            f"{listing(known)}. Make it of plan.param_groups(), or both by pg.build(plan)."
        )
    groups = [known[str(name)] for name in names]
    for group in groups:
        _check_abilities(optimizer, group)
    return groups


def _check_abilities(optimizer: Optimizer, group: Group) -> None:
    if group.segments:
        first = group.segments[0]
        raise PlanError(
            f'Rows {first.start} to {first.stop - 1} of "{first.name}" have values of their own, and '
            f"{type(optimizer).__name__} steps whole tensors: give the rule the whole tensor."
        )
    if not isinstance(optimizer, group.profile.optimizer.cls):
        raise PlanError(
            f'The group "{group.name}" is planned for {group.profile.optimizer.name}, and the optimizer is '
            f"{type(optimizer).__name__}. Name that one in the recipe."
        )


def own_rates(optimizer: Optimizer) -> None:
    """Give each group a tensor of its own where rates are tensors: a shared one would be written by all."""
    for group in optimizer.param_groups:
        for name, value in group.items():
            if isinstance(value, torch.Tensor):
                group[name] = value.clone()


def write(group: dict[str, Any], settings: Mapping[str, Any]) -> None:
    """Write settings into a group: in place where it holds a tensor, which compiled code has kept."""
    for name, value in settings.items():
        held = group.get(name)
        if isinstance(held, torch.Tensor):
            held.fill_(value)
        else:
            group[name] = value


def plain_rate(group: Mapping[str, Any]) -> Any:
    """A group's rate as torch's schedulers report it: never the group's own tensor."""
    rate = group["lr"]
    return rate.clone() if isinstance(rate, torch.Tensor) else rate
