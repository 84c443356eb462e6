"""Steps that only ask which state there will be: torch.distributed.checkpoint makes one before it loads."""

from itertools import chain
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from paramgroups.optim.hyperparameters import RATE

WHOLE = "full_tensor"
"""What `DTensor` has and others have not: all of it, wherever its parts are."""


def is_outline(optimizer: Optimizer, *called: Any) -> bool:
    """Whether a step is to make the state and nothing else.

    `torch.distributed.checkpoint` finds the shape of an optimizer's state by such a step: while nothing is
    remembered, with all rates 0 and all gradients 0. Processes find the same, as gradients that are spread
    over them are looked at wholly; and those first, since looking is a message that all take part in.

    Args:
        optimizer: The optimizer, before the step.
        called: What the step is called with. A closure makes gradients of its own.
    """
    if optimizer.state or any(map(callable, called)):
        return False
    if not all(_is_zero(group.get(RATE, 0.0)) for group in optimizer.param_groups):
        return False
    params = chain.from_iterable(group["params"] for group in optimizer.param_groups)
    grads = [param.grad for param in params if param.grad is not None]
    grads.sort(key=lambda grad: not hasattr(grad, WHOLE))
    return bool(grads) and not any(map(_is_something, grads))


def _is_zero(rate: Any) -> bool:
    if isinstance(rate, Tensor):
        return rate.numel() == 1 and not rate.any()
    return isinstance(rate, int | float) and rate == 0.0


def _is_something(grad: Tensor) -> bool:
    found = (grad.coalesce().values() if grad.is_sparse else grad).any()
    return bool(getattr(found, WHOLE)() if hasattr(found, WHOLE) else found)
