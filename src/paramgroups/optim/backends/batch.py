"""What a backend steps: tensors, the segments of them, and a table of hyperparameters."""

from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paramgroups.optim.algorithms import Algorithm

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Sums = Floats | Tensor
"""One row a segment; a tensor where they are still on their way from the device."""

STATISTICS = 4
NONFINITE = 3
"""Σg² (before the scale), Σw² (before the step), Σ(update)², and how many of g are not finite."""


@dataclass
class Batch:
    """Segments of tensors that one rule steps in one pass.

    All tensors that are stepped are dense, contiguous and on one device, and share no memory; parameters,
    gradients and states have one dtype each. Segments do not overlap. A batch is checked by who makes it: a
    backend writes where it is told.

    Attributes:
        algorithm: The update rule.
        dtypes: The dtype of parameters, of gradients, and of each state.
        params: The parameters, written in place.
        grads: Their gradients, only read; None where no segment of the tensor is stepped.
        states: For each of the rule's states the tensors, one a parameter, written in place.
        starts: The first number of each segment within its tensor.
        counts: How many numbers each segment has.
        tensor_of: Which tensor each segment is of.
        hypers: The hyperparameters, one row a segment, one column for each of the rule's.
        steps: The step of each segment; the first is 1.
        chunks: The pieces of work, out of what `plan_chunks(counts)` gave: what is left out is not stepped.
        scales: What each segment's gradients are multiplied by; None is 1.
        gates: The same where it was decided on the device, and not told yet: below 0 nothing of a segment is
            written, and its sums are 0. Given where sums are tensors alone.
        addresses: Where the tensors begin: one row for parameters, for gradients and for each state. None
            lets the backend read them.
        statistics: Whether a step sums statistics.
    """

    algorithm: Algorithm
    dtypes: tuple[torch.dtype, ...]
    params: list[Tensor]
    grads: list[Tensor | None]
    states: list[list[Tensor]]
    starts: Ints
    counts: Ints
    tensor_of: Ints
    hypers: Floats
    steps: Floats
    chunks: Ints = field(repr=False)
    scales: Floats | None = None
    gates: Tensor | None = None
    addresses: Ints | None = field(default=None, repr=False)
    statistics: bool = False

    @property
    def begins(self) -> Ints:
        """Where every tensor begins: `addresses`, or read now; 0 where there is no gradient."""
        if self.addresses is not None:
            return self.addresses
        tensors = chain(self.params, self.grads, *self.states)
        found = [0 if tensor is None else tensor.data_ptr() for tensor in tensors]
        return np.array(found, np.int64).reshape(len(self.dtypes), len(self.params))


class Backend(Protocol):
    """What steps batches on some kind of device."""

    def step(self, batch: Batch) -> Sums | None:
        """Step all chunks; four sums for each segment if `batch.statistics`, in one fixed order.

        They are Σg² before the scale, Σw² before the step, Σ(update)² before it is rounded to the
        parameter's dtype, and the count of gradients that are not finite; 0 for what is not stepped.
        """

    def rehearse(self, batch: Batch) -> Sums:
        """The four sums of a step that writes nothing."""

    def measure(self, batch: Batch) -> Sums:
        """Σg² before the scale and the count of gradients that are not finite, in their two columns; 0 else.

        It reads gradients alone.
        """


def computing_dtype(dtypes: tuple[torch.dtype, ...]) -> torch.dtype:
    """What a step computes in: float64 where any tensor is, else float32.

    >>> computing_dtype((torch.bfloat16, torch.bfloat16, torch.float32))
    torch.float32
    """
    return torch.float64 if torch.float64 in dtypes else torch.float32
