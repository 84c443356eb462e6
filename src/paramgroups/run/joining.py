"""Groups that are added to an optimizer in the middle of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from paramgroups.errors import CheckpointError, PlanError, RuleError, listing
from paramgroups.indexing import named_parameters
from paramgroups.journal import Event
from paramgroups.optim import optimizer_class, unpack
from paramgroups.optim.hyperparameters import SWITCHES
from paramgroups.optim.optimizer import OPTIMIZER
from paramgroups.planning import Group
from paramgroups.run.abilities import is_ours, stepping

CAUSE = "add_param_group"


def joining(
    held: Mapping[str, Any],
    groups: Sequence[Group],
    optimizer: Optimizer,
    model: nn.Module | None,
    step: float,
) -> Event:
    """The event that a group is which was added: its values are its base, and the recipe's schedules go on.

    Args:
        held: The group, as torch took it.
        groups: All groups that were there before.
        optimizer: The optimizer.
        model: The model in which its tensors may have names; None where there is none.
        step: The present tick.

    Raises:
        PlanError: Its name is that of another group.
    """
    taken = {group.name for group in groups}
    number = 1 + sum(name.startswith("added ") for name in taken)
    name = str(held.get("name") or f"added {number}")
    if name in taken:
        raise PlanError(
            f'A group named "{name}" was added, and there is one already. Give it another name: '
            'optimizer.add_param_group({"params": list(adapter.named_parameters()), "name": "adapter"}).'
        )
    own = {OPTIMIZER: _named(held[OPTIMIZER], name)} if is_ours(optimizer) and OPTIMIZER in held else {}
    known = optimizer_class(own[OPTIMIZER]).defaults if own else unpack(stepping(optimizer).defaults)
    settings = {
        key: value.item() if isinstance(value, torch.Tensor) else value
        for key, value in unpack(held).items()
        if key in known and key not in SWITCHES
    }
    numel = sum(tensor.numel() for tensor in held["params"])
    value = {"name": name, "settings": settings, "numel": numel, **own}
    names = _apart(_names(held, name, model), name, groups)
    return Event(step, CAUSE, "join", "group", value, None, name, names)


def _named(optimizer: str, group: str) -> str:
    """A group's own optimizer by its name, since events are data."""
    try:
        return str(optimizer_class(optimizer).named)
    except RuleError as error:
        raise PlanError(
            f'The group "{group}" was added with a class of its own, and what is decided while training is '
            f"kept as data, without classes. Plan with it, or name an optimizer of torch.optim. {error}"
        ) from error


def _names(held: Mapping[str, Any], name: str, model: nn.Module | None) -> tuple[str, ...]:
    if held.get("param_names"):
        return tuple(held["param_names"])
    known = {} if model is None else {id(tensor): found for found, tensor in named_parameters(model)}
    return tuple(known.get(id(tensor), f"{name}.{place}") for place, tensor in enumerate(held["params"]))


def _apart(names: Sequence[str], name: str, groups: Sequence[Group]) -> tuple[str, ...]:
    """Names that no other group has: an event goes by them."""
    taken = {known for group in groups for known in group.names}
    return tuple(f"{name}: {found}" if found in taken else found for found in names)


def check_joined(held: Mapping[str, Any], group: Group) -> None:
    """Refuse a group in the place of another that a saved run had there.

    Raises:
        CheckpointError: It has another name, or other tensors.
    """
    count = sum(tensor.numel() for tensor in held["params"])
    if str(held.get("name") or group.name) != group.name or count != group.numel:
        raise CheckpointError(
            f'The saved run added the group "{group.name}" of {group.numel:,} numbers, and here stands '
            f'"{held.get("name")}" of {count:,}. Add the groups of the saved run, in their order.'
        )


def check_complete(lacking: Sequence[Group]) -> None:
    """Refuse to go on without the groups that a saved run had added.

    Raises:
        PlanError: There are some.
    """
    if lacking:
        raise PlanError(
            f"The saved run had added {listing(group.name for group in lacking)}, and the optimizer lacks "
            'it. Add it before going on: optimizer.add_param_group({"params": …, "name": …}).'
        )
