"""Making a torch optimizer of groups."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from paramgroups.errors import PlanError, listing
from paramgroups.optim import OptimizerClass, pack


def make(optimizer: OptimizerClass, groups: list[dict[str, Any]], settings: Mapping[str, Any]) -> Optimizer:
    """An optimizer of a class, from groups that hold all their settings.

    Args:
        optimizer: The class.
        groups: Its groups.
        settings: What its class reads where it is made, and not from a group; others are passed over.

    Raises:
        PlanError: The class refuses them.
    """
    wanted = inspect.signature(optimizer.cls).parameters
    known = {name: value for name, value in pack(settings).items() if name in wanted}
    try:
        return optimizer.cls(groups, **known)
    except (TypeError, ValueError, RuntimeError) as error:
        names = listing(str(group.get("name")) for group in groups)
        raise PlanError(
            f"{optimizer.name} does not take the plan's groups: {str(error).rstrip('.')}. It was given: "
            f"{names}. Change the recipe's rules or settings, or name another optimizer."
        ) from error


def forget(optimizer: Optimizer, group: dict[str, Any], made_of: OptimizerClass) -> None:
    """Let an optimizer remember of a group's tensors what it does of new ones: mostly nothing."""
    fresh = make(made_of, [dict(group)], optimizer.defaults).state
    for tensor in group["params"]:
        optimizer.state.pop(tensor, None)
        if tensor in fresh:
            optimizer.state[tensor] = fresh[tensor]
