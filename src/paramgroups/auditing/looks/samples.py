"""A few numbers of a tensor, taken without touching it."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import Parameter

NUMBERS = 4096
"""So many numbers of a tensor tell its size."""
TENSORS = 2000
"""So many tensors are looked at."""

One = TypeVar("One")


def sampled(tensor: Tensor) -> Tensor | None:
    """Numbers from all over a tensor, in float32 on the CPU; None where none can be read cheaply.

    Shards, sparse, quantised and `meta` tensors are passed over.

    Example:
        >>> sampled(torch.arange(6.0).reshape(2, 3)).tolist()
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    if type(tensor) not in (Parameter, Tensor) or tensor.is_meta or tensor.layout is not torch.strided:
        return None
    if not tensor.is_floating_point() or not tensor.numel():
        return None
    return _taken(tensor.detach()).float().cpu()


def some(found: Sequence[One]) -> Sequence[One]:
    """All of a few; of many, so many from all over them."""
    return found[:: max(1, -(-len(found) // TENSORS))]


def rms(numbers: Tensor) -> float:
    """The root of the mean of the squares."""
    return float(numbers.square().mean().sqrt())


def _taken(tensor: Tensor) -> Tensor:
    count = tensor.numel()
    if count <= NUMBERS:
        return tensor.reshape(-1)
    step = count // NUMBERS | 1  # odd, so that it walks over all columns
    if tensor.is_contiguous():
        return tensor.view(-1)[::step]
    places = torch.arange(0, count, step, device=tensor.device)
    return tensor[torch.unravel_index(places, tensor.shape)]
