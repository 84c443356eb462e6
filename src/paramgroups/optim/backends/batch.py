"""What a backend steps: tensors, the segments of them, and a table of hyperparameters."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paramgroups.optim.algorithms import Algorithm

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

STATISTICS = 4
"""Σg² (before the scale), Σw² (before the step), Σ(update)², and how many of g are not finite."""


@dataclass
class Batch:
    """Segments of tensors that one rule steps in one pass.

    All tensors are dense, contiguous and on one device, and share no memory; parameters, gradients and states
    have one dtype each. Segments do not overlap. A batch is checked by who makes it: a backend writes where
    it is told.

    Attributes:
        algorithm: The update rule.
        params: The parameters, written in place.
        grads: Their gradients, only read.
        states: For each of the rule's states the tensors, one a parameter, written in place.
        starts: The first number of each segment within its tensor.
        counts: How many numbers each segment has.
        tensor_of: Which tensor each segment is of.
        hypers: The hyperparameters, one row a segment, one column for each of the rule's.
        steps: The step of each segment; the first is 1.
        scales: What each segment's gradients are multiplied by; None is 1.
        statistics: Filled with four sums for each segment: Σg² before the scale, Σw² before the step,
            Σ(update)² before it is rounded to the parameter's dtype, and the count of gradients that are
            not finite. None costs nothing.
        chunks: What `plan_chunks(counts)` gave; kept by whoever steps the same layout again.
        state_addresses: Where the states begin; kept for as long as `states` are the same tensors.
    """

    algorithm: Algorithm
    params: list[Tensor]
    grads: list[Tensor]
    states: list[list[Tensor]]
    starts: Ints
    counts: Ints
    tensor_of: Ints
    hypers: Floats
    steps: Floats
    scales: Floats | None = None
    statistics: Floats | None = None
    chunks: Ints | None = field(default=None, repr=False)
    state_addresses: Ints | None = field(default=None, repr=False)

    @property
    def dtypes(self) -> tuple[torch.dtype, ...]:
        """The dtype of parameters, of gradients, and of each state."""
        return tuple(tensors[0].dtype for tensors in (self.params, self.grads, *self.states))


def computing_dtype(dtypes: tuple[torch.dtype, ...]) -> torch.dtype:
    """What a step computes in: float64 where any tensor is, else float32.

    >>> computing_dtype((torch.bfloat16, torch.bfloat16, torch.float32))
    torch.float32
    """
    return torch.float64 if torch.float64 in dtypes else torch.float32
