"""How many inputs feed one output of a weight, and how many outputs one input feeds."""

from math import prod

from torch import nn

Shape = tuple[int, ...]


def fans(shape: Shape, layer: str, module: nn.Module, *, embedding: bool) -> tuple[int, int]:
    """Fan-in and fan-out of a tensor, by the kind of layer that holds it.

    A linear weight is (out, in), one of transformers' `Conv1D` (in, out); a convolution's is
    (out, in ÷ groups, *kernel), a transposed one's (in, out ÷ groups, *kernel); an embedding has its entries
    as inputs; a stack of matrices, as experts are held, counts for one of them.

    Args:
        shape: Of the tensor.
        layer: A word of `kinds.LAYERS`.
        module: That holds it; asked for its groups.
        embedding: The tensor is a table of entries, each `shape[-1]` long.
    """
    if len(shape) < 2:  # noqa: PLR2004 - a vector acts on each of its numbers alone
        return 1, prod(shape)
    if embedding:
        return prod(shape[:-1]), shape[-1]
    if "conv" in layer:
        groups = int(getattr(module, "groups", 1))
        kernel = prod(shape[2:])
        near, far = shape[1] * kernel, shape[0] // groups * kernel
        return (far, near) if layer == "transposed_conv" else (near, far)
    if layer == "transposed_linear" or getattr(module, "is_transposed", False):
        return shape[-2], shape[-1]
    if isinstance(module, nn.Bilinear):
        return shape[1] * shape[2], shape[0]
    return shape[-1], shape[-2]
