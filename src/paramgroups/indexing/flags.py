"""Whether gradients flow into a tensor: its flag, and what the user wished before plans changed it."""

import weakref
from collections.abc import Iterable
from typing import NamedTuple

import torch


class Change(NamedTuple):
    """What a plan has made of a tensor's flag.

    Attributes:
        tensor: The tensor.
        wish: The flag that it had before.
        now: The one that it was given: whoever has changed that since is the user.
    """

    tensor: "weakref.ref[torch.Tensor]"
    wish: bool
    now: bool


_CHANGED: dict[int, Change] = {}
"""By identity; a tensor that is gone is forgotten."""


def freeze(tensors: Iterable[torch.Tensor]) -> None:
    """Stop gradients, and clear those that are left over: an optimizer passes over what has none."""
    for tensor in tensors:
        _give(tensor, flag=False)
        tensor.grad = None


def thaw(tensors: Iterable[torch.Tensor]) -> None:
    """Let gradients flow again."""
    for tensor in tensors:
        _give(tensor, flag=True)


def stand_in(tensors: Iterable[torch.Tensor]) -> None:
    """Note of what is frozen that a plan has done it: these have replaced the tensors of which it was known.

    Example:
        >>> shard = torch.nn.Parameter(torch.ones(2), requires_grad=False)
        >>> stand_in([shard])
        >>> is_left(shard)
        True
    """
    for tensor in tensors:
        if not tensor.requires_grad:
            _note(tensor, wish=True)


def restore(tensors: Iterable[torch.Tensor]) -> None:
    """Give each the flag that the user wished.

    Example:
        >>> ours, theirs = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
        >>> _ = theirs.requires_grad_(False)
        >>> freeze([ours]); thaw([theirs])
        >>> restore([ours, theirs])
        >>> ours.requires_grad, theirs.requires_grad
        (True, False)
    """
    for tensor in tensors:
        _give(tensor, flag=_wish(tensor))


def is_left(tensor: torch.Tensor) -> bool:
    """Whether a plan has left it frozen, and the user never asked for that."""
    return not tensor.requires_grad and _wish(tensor)


def is_trained(tensor: torch.Tensor) -> bool:
    """Whether the model trains it. It does what a plan alone has frozen: a second plan decides anew.

    Example:
        >>> ours, theirs = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
        >>> freeze([ours])
        >>> is_trained(ours), is_trained(theirs.requires_grad_(False))
        (True, False)
    """
    return tensor.requires_grad or is_left(tensor)


def _wish(tensor: torch.Tensor) -> bool:
    known = _CHANGED.get(id(tensor))
    if known is None or known.tensor() is not tensor or tensor.requires_grad != known.now:
        return tensor.requires_grad
    return known.wish


def _give(tensor: torch.Tensor, *, flag: bool) -> None:
    wish = _wish(tensor)
    tensor.requires_grad_(flag)
    if flag == wish:
        _CHANGED.pop(id(tensor), None)
    else:
        _note(tensor, wish=wish)


def _note(tensor: torch.Tensor, *, wish: bool) -> None:
    place = id(tensor)
    known = weakref.ref(tensor, lambda _: _CHANGED.pop(place, None))
    _CHANGED[place] = Change(known, wish, tensor.requires_grad)
