"""What an optimizer of another class does to its parameters, summed up as a backend sums its own steps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from paramgroups.optim.backends.batch import Sums
from paramgroups.optim.finding import local, local_grad

BLOCK = 2**20
"""Squares are summed in float64 copies, of so many numbers at a time."""


@dataclass(frozen=True)
class Before:
    """What parameters are before a step, kept to sum up what it does to them.

    It copies the parameters, so it takes as much memory as they do until it is let go.

    Attributes:
        params: The parameters.
        copies: Their copies.
        grads: Σg² of each; `weights` is Σw², and `wrong` how many of g are not finite.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> weight.grad = torch.tensor([3.0, 0.0])
        >>> before = Before.of([weight])
        >>> torch.optim.SGD([weight], lr=0.5).step()
        >>> before.sums().round(9).tolist()
        [[9.0, 5.0, 2.25, 0.0]]
    """

    params: list[Tensor]
    copies: list[Tensor]
    grads: Tensor
    weights: Tensor
    wrong: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, params: Iterable[Tensor]) -> "Before":
        """Copy parameters, and sum what is known before the step.

        Args:
            params: Those that will be stepped. One without a gradient counts as one of zeros.
        """
        whole = list(params)
        params = [local(param.detach()) for param in whole]  # of what is spread over processes the part here
        given = [_gradient(one, here) for one, here in zip(whole, params, strict=True)]
        grads, copies = _squares(given), [param.clone() for param in params]
        return cls(params, copies, grads, _squares(params), _wrong(given, grads))

    @torch.no_grad()
    def sums(self) -> Sums:
        """What the step has done: four sums for each parameter, as a backend gives them. Ask once.

        Returns:
            Rows of Σg², Σw² before, Σ(update)², and how many of g are not finite: each parameter summed in
            float64 in one fixed order. The update is what the parameter shows, rounded to its dtype. An array
            where the first parameter is on the CPU, else a tensor that nobody has waited for.
        """
        if self.params:  # torch takes no empty list; the copies are done with, so nothing more is allocated
            torch._foreach_sub_(self.copies, self.params)
        found = torch.stack([self.grads, self.weights, _squares(self.copies), self.wrong], dim=1)
        return found.numpy() if found.device.type == "cpu" else found


def _gradient(param: Tensor, here: Tensor) -> Tensor:
    """The part of a parameter's gradient that is here; nothing, where it has none."""
    grad: Tensor = here.new_zeros(0) if param.grad is None else local_grad(param, param.grad)
    return grad


def _squares(tensors: Sequence[Tensor]) -> Tensor:
    """The sum of squares of each."""
    parts = [_blocks(tensor) for tensor in tensors]
    if not parts:
        return torch.zeros(0, dtype=torch.float64)
    device = tensors[0].device
    wide = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    norms = torch._foreach_norm([block for part in parts for block in part], 2, wide)  # noqa: SLF001  # its only name
    squares = torch.stack([norm.to(device) for norm in norms]).square()
    if len(squares) == len(parts):
        return squares
    return torch.stack([some.sum() for some in squares.split([len(part) for part in parts])])


def _wrong(grads: Sequence[Tensor], squares: Tensor) -> Tensor:
    """How many numbers are not finite: on a CPU none where the sum is; elsewhere to look is to wait."""
    fine = squares.isfinite().tolist() if squares.device.type == "cpu" else [False] * len(grads)
    counts = torch.zeros_like(squares)
    for place, grad in enumerate(grads):
        if not fine[place]:
            counts[place] = sum((~block.isfinite()).count_nonzero() for block in _blocks(grad))
    return counts


def _blocks(tensor: Tensor) -> Sequence[Tensor]:
    """The real numbers that a tensor holds."""
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return [tensor] if tensor.numel() <= BLOCK else tensor.reshape(-1).split(BLOCK)


@torch.no_grad()
def gradient_sums(params: Iterable[Tensor]) -> Sums:
    """Σg² and the count of what is not finite of each parameter's gradient, in their columns; 0 else.

    Args:
        params: Parameters that have a gradient.
    """
    given = [local_grad(param, param.grad) for param in params if param.grad is not None]
    squares = _squares(given)
    nothing = torch.zeros_like(squares)
    found = torch.stack([squares, nothing, nothing, _wrong(given, squares)], dim=1)
    return found.numpy() if found.device.type == "cpu" else found
