"""How many inputs feed one output of a weight, and how many outputs one input feeds."""

from collections.abc import Sequence
from math import prod


def fans(shape: Sequence[int], layer: str, groups: int, *, embedding: bool) -> tuple[int, int]:
    """Fan-in and fan-out of a tensor, by the kind of layer that holds it.

    A linear weight is (out, in), one of transformers' `Conv1D` (in, out); a convolution's is
    (out, in ÷ groups, *kernel), a transposed one's (in, out ÷ groups, *kernel); an embedding has its entries
    as inputs; a stack of matrices, as experts are held, counts for one of them.

    Args:
        shape: Of the tensor.
        layer: A word of `kinds.LAYERS`.
        groups: Of a convolution.
        embedding: The tensor is a table of entries, each `shape[-1]` long.

    >>> fans((64, 1, 3, 3), "conv", 64, embedding=False)
    (9, 9)
    """
    if len(shape) <= 1:
        return 1, prod(shape)
    if embedding:
        return prod(shape[:-1]), shape[-1]
    if "conv" in layer:
        kernel = prod(shape[2:])
        near, far = shape[1] * kernel, shape[0] // groups * kernel
        return (far, near) if layer == "transposed_conv" else (near, far)
    if layer == "transposed_linear":
        return shape[-2], shape[-1]
    return (prod(shape[1:]), shape[0]) if layer == "bilinear" else (shape[-1], shape[-2])
