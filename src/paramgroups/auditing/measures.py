"""The norm of a tensor of any dtype, and of how much of it."""

import torch
from torch import Tensor


def norm_of(tensor: Tensor) -> float:
    """Its norm, in float32 at least: half precision overflows; 0 where it holds nothing.

    Example:
        >>> norm_of(torch.full((4,), 3e4, dtype=torch.float16)), norm_of(torch.ones(4, dtype=torch.float64))
        (60000.0, 2.0)
    """
    plain = torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()
    wide = torch.promote_types(plain.dtype, torch.float32)
    return float(torch.linalg.vector_norm(plain, dtype=wide)) if plain.numel() else 0.0


def part_of(tensor: Tensor, most: int) -> Tensor:
    """So many of a tensor's numbers at most, in its own memory: the first of its rows.

    Example:
        >>> part_of(torch.arange(12.0).reshape(4, 3), 6).tolist()
        [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """
    found = tensor.detach()
    while found.ndim and found.numel() > most:
        found = found[: max(1, len(found) * most // found.numel())] if len(found) > 1 else found[0]
    return found
