"""The norm of a tensor of any dtype."""

import torch
from torch import Tensor


def norm_of(tensor: Tensor) -> float:
    """Its norm, in float32 at least: half precision overflows; 0 where it holds nothing.

    Example:
        >>> import torch
        >>> norm_of(torch.full((4,), 3e4, dtype=torch.float16)), norm_of(torch.ones(4, dtype=torch.float64))
        (60000.0, 2.0)
    """
    plain = torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()
    wide = torch.promote_types(plain.dtype, torch.float32)
    return float(torch.linalg.vector_norm(plain, dtype=wide)) if plain.numel() else 0.0
