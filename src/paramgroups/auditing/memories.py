"""The shapes of what optimizers remember: which of it can be no memory of a parameter."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from paramgroups.optim.remembered import NUMBERS, is_familiar, is_known, shape_of
from paramgroups.optim.shards import is_spread

Shape = tuple[int, ...]

WHOLE = frozenset({"exp_avg", "momentum_buffer", "exp_avg_sq", "max_exp_avg_sq", "square_avg"})
"""Kept in the parameter's shape by nearly all classes that torch does not have, by its names."""


def misshapen(
    state: Mapping[str, Any], param: Tensor, stepper: type[Optimizer], others: Collection[Shape]
) -> Iterator[tuple[str, Shape]]:
    """What of a state has a shape that it cannot have, with that shape.

    Of torch's classes, and ours, we know every shape. A class of somebody's own may keep rows, columns, a
    projection or one number in the place of a moment: of it only what has the shape of another parameter.

    Args:
        state: What is remembered of the parameter.
        param: The parameter.
        stepper: The class that steps it.
        others: The shapes of all parameters of the optimizer.
    """
    if is_lazy(param):
        return
    familiar = is_familiar(stepper)
    for key, value in state.items():
        if not isinstance(value, Tensor) or value.shape == param.shape:
            continue
        if not isinstance(key, str) or key in NUMBERS or is_spread(param) != is_spread(value):
            continue
        found, shape = tuple(value.shape), tuple(param.shape)
        if familiar:
            if is_known(key) and found != shape_of(key, shape):
                yield key, found
        elif key in WHOLE and found in others and not _is_reduced(found, shape):
            yield key, found


def shapes_of(params: Iterable[Tensor]) -> set[Shape]:
    """All shapes that there are among some parameters."""
    return {tuple(param.shape) for param in params if not is_lazy(param)}


def _is_reduced(found: Shape, shape: Shape) -> bool:
    """Whether it is fewer numbers for the same tensor: one of each row or column, or one in all."""
    if len(found) == len(shape):
        return all(one in (1, whole) for one, whole in zip(found, shape, strict=True))
    return len(found) < len(shape) and (found == shape[: len(found)] or found == shape[-len(found) :])
