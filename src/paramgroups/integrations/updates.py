"""Whether an optimizer has made an update, for hosts that say only that a batch is over."""

from typing import Any

from torch.optim import Optimizer


class Updates:
    """Notes the steps of an optimizer: none at a batch whose gradients are accumulated.

    Nor is there one where a gradient scaler has found an overflow, also if it leaves it to the optimizer to
    pass over the step.

    Args:
        optimizer: Any torch optimizer.

    Example:
        >>> import torch
        >>> sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> updates = Updates(sgd)
        >>> sgd.step()
        >>> updates.take(), updates.take()
        (True, False)
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._made = False
        self._handle = optimizer.register_step_post_hook(self._note)

    def take(self) -> bool:
        """Whether there was one since this was last asked."""
        made, self._made = self._made, False
        return made

    def end(self) -> None:
        """Note no more."""
        self._handle.remove()

    def _note(self, optimizer: Optimizer, *_: Any) -> None:
        self._made = self._made or not is_overflown(optimizer)


def is_overflown(optimizer: Optimizer) -> bool:
    """Whether a gradient scaler has found an overflow in this very step, and the optimizer passes over it."""
    return bool(getattr(optimizer, "found_inf", False))  # there while a scaler lets the optimizer decide
