"""Whether gradients flow: what a plan says of the whole run, and the flag of a tensor."""

from collections.abc import Iterable, Sequence

import torch

from paramgroups.indexing import Index, Row
from paramgroups.planning.binding import Bound
from paramgroups.planning.groups import Group


def freeze(tensors: Iterable[torch.Tensor]) -> None:
    """Stop gradients, and clear those that are left over: an optimizer passes over what has none."""
    for tensor in tensors:
        tensor.requires_grad_(False)
        tensor.grad = None


def thaw(tensors: Iterable[torch.Tensor]) -> None:
    """Let gradients flow again."""
    for tensor in tensors:
        tensor.requires_grad_(True)


def thawed_by_rules(groups: Iterable[Group], index: Index) -> list[str]:
    """What the model has frozen and rules thaw, for all of the run or a part of it."""
    names = (name for group in groups for name in group.names)
    return [name for name in names if name in index and not index[name].trainable]


def settle(bound: Bound, index: Index, groups: Iterable[Group], frozen: Sequence[Row]) -> tuple[str, ...]:
    """Give each tensor the flag that it has for the whole run, or before its first window.

    Args:
        bound: The live tensors by name.
        index: The planned parameters.
        groups: Those that are trained at some time.
        frozen: Those that are never trained.

    Returns:
        The names of those that are never trained.
    """
    names = tuple(row.name for row in frozen if row.name in bound)
    freeze(bound[name] for name in names)
    thaw(bound[name] for name in thawed_by_rules(groups, index) if name in bound)
    return names
