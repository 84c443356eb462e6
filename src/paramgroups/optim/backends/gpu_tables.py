"""What a launch on a GPU reads: all tables of a batch in one piece of memory, sent by one copy."""

from dataclasses import dataclass
from functools import cache
from types import FunctionType

import numpy as np
import torch
from torch import Tensor

from paramgroups.optim.algorithms import Algorithm
from paramgroups.optim.backends.batch import Batch, Floats, Ints
from paramgroups.optim.backends.binding import bind

WORDS = {"sqrt": np.sqrt, "where": np.where, "sign": np.sign, "maximum": np.maximum}
WIDE = 16
"""Bytes that a thread reads at once where all chunks begin at multiples of them."""


@dataclass(frozen=True)
class Tables:
    """A batch's tables on its device.

    Attributes:
        chunks: One row a chunk: where it begins in each array, how many numbers, of which segment.
        bounds: The rows of `chunks` that are segment i's are those from `bounds[i]` to `bounds[i + 1]`.
        constants: One row a segment, float64: the scale of its gradients, then what `prepare` gave.
        aligned: Whether all chunks begin at multiples of 16 bytes.
    """

    chunks: Tensor
    bounds: Tensor
    constants: Tensor
    aligned: bool


def constants(batch: Batch) -> Floats:
    """The scale of each segment's gradients, then the rule's constants, from `prepare` of whole columns."""
    with np.errstate(all="ignore"):
        found = _prepare(batch.algorithm)(batch.steps, *batch.hypers.T)
    columns = (1.0 if batch.scales is None else batch.scales, *found)
    table = np.empty((len(batch.counts), len(columns)))
    for place, column in enumerate(columns):
        table[:, place] = column
    return table


@cache
def _prepare(rule: Algorithm) -> FunctionType:
    return bind(rule.prepare, WORDS)


def send(batch: Batch, arrays: slice, numbers: Floats) -> Tables:
    """Bring a batch's tables to its device, without waiting for it.

    Args:
        batch: What is stepped.
        arrays: Which of parameters, gradients and states are touched.
        numbers: The table of constants.
    """
    rows = _chunk_rows(batch, arrays)
    bounds = np.searchsorted(batch.chunks[:, 0], np.arange(len(batch.counts) + 1))
    parts, device = (rows, bounds, numbers), batch.params[0].device
    begins = np.cumsum([0, *(part.size for part in parts)])
    # a buffer of its own each time: torch keeps pinned memory until the copy out of it is done
    pinned = device.type == "cuda"
    host = torch.empty(int(begins[-1]), dtype=torch.int64, device="cpu", pin_memory=pinned)
    np.concatenate([part.reshape(-1).view(np.int64) for part in parts], out=host.numpy())
    sent = host.to(device, non_blocking=True).tensor_split(begins[1:-1].tolist())
    aligned = not (rows[:, :-2] % WIDE).any()
    return Tables(sent[0], sent[1], sent[2].view(torch.float64), aligned)


def _chunk_rows(batch: Batch, arrays: slice) -> Ints:
    segment, first, count = batch.chunks.T
    sizes = np.array([dtype.itemsize for dtype in batch.dtypes[arrays]])
    begins = batch.begins[arrays, batch.tensor_of[segment]]
    places = (batch.starts[segment] + first) * sizes[:, None]
    return np.column_stack([*(begins + places), count, segment])
