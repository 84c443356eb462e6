"""A plan's groups, written for a loop that knows one rate and multiplies it by each group's factor."""

from collections.abc import Collection
from typing import Any

from torch import nn

from paramgroups.errors import HostError, shown
from paramgroups.integrations.dialects.factors import factor
from paramgroups.integrations.dialects.losing import Loss, refuse_lost
from paramgroups.optim.hyperparameters import CLIPPING
from paramgroups.optim.rows import ROWS
from paramgroups.planning import Plan

LOST = (ROWS, "optimizer", *CLIPPING)
"""Keys of ours that no other loop reads."""


def write_groups(
    plan: Plan, model: nn.Module | None, host: str, lose: Collection[Loss], key: str
) -> list[dict[str, Any]]:
    """The plan's groups, each with the recipe's rate and a factor of it under a key of the host's.

    Raises:
        HostError: The plan says what the host cannot.
        PlanError: The model is gone, or is not the planned one.
    """
    refuse_lost(checked(plan, host), host, lose)
    base = plan.given.lr
    written = []
    for group in plan.param_groups(model):
        plain = {name: value for name, value in group.items() if name not in LOST}
        written.append(plain | {"lr": base, key: rate_factor(group["lr"], base, host)})
    return written


def checked(plan: Any, host: str) -> Plan:
    """The plan.

    Raises:
        HostError: It is none.
    """
    if isinstance(plan, Plan):
        return plan
    raise HostError(f"{host}.write: {shown(plan)} is no plan. Give what pg.plan made.")


def rate_factor(rate: float, base: float, host: str) -> float:
    """The factor of the recipe's rate that makes another.

    Raises:
        HostError: The recipe's rate is 0.
    """
    if base == 0 != rate:
        raise HostError(
            f"{host}.write: a rate of {rate:g} is no multiple of the recipe's, lr=0. Give the recipe a rate, "
            "and rules that say 0 where it is meant."
        )
    return factor(rate, base)
