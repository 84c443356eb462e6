"""Whether gradients flow into a tensor: its flag, and whether a plan has put that down or the user."""

import weakref
from collections.abc import Iterable

import torch

_PUT_DOWN: dict[int, "weakref.ref[torch.Tensor]"] = {}
"""The tensors whose flag a plan has put down, by identity; one that is gone is forgotten."""


def freeze(tensors: Iterable[torch.Tensor]) -> None:
    """Stop gradients, and clear those that are left over: an optimizer passes over what has none."""
    for tensor in tensors:
        if tensor.requires_grad:
            _remember(tensor)
        tensor.requires_grad_(False)
        tensor.grad = None


def thaw(tensors: Iterable[torch.Tensor]) -> None:
    """Let gradients flow again."""
    for tensor in tensors:
        _PUT_DOWN.pop(id(tensor), None)
        tensor.requires_grad_(True)


def is_left(tensor: torch.Tensor) -> bool:
    """Whether a plan has left it frozen, so that the user never asked for that.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> freeze([weight])
        >>> is_left(weight), is_trained(weight)
        (True, True)
        >>> other = torch.nn.Parameter(torch.ones(2)).requires_grad_(False)
        >>> is_left(other), is_trained(other)
        (False, False)
    """
    known = _PUT_DOWN.get(id(tensor))
    return known is not None and known() is tensor and not tensor.requires_grad


def is_trained(tensor: torch.Tensor) -> bool:
    """Whether the model trains it. It does what a plan alone has frozen: a second plan decides anew."""
    if tensor.requires_grad:
        _PUT_DOWN.pop(id(tensor), None)  # somebody has thawed it since: from here on its flag is theirs
    return tensor.requires_grad or is_left(tensor)


def _remember(tensor: torch.Tensor) -> None:
    place = id(tensor)
    _PUT_DOWN[place] = weakref.ref(tensor, lambda _: _PUT_DOWN.pop(place, None))
