"""The backend for the CPU: one pass over all segments, compiled by Numba."""

from typing import Any

import numpy as np
import torch

from paramgroups.optim.backends.batch import STATISTICS, Batch, Floats, Ints, computing_dtype
from paramgroups.optim.backends.kernels import GRADIENT, kernel, measuring
from paramgroups.optim.backends.launching import LAUNCHER

KINDS = {dtype: str(dtype).removeprefix("torch.") for dtype in (
    torch.float64, torch.float32, torch.float16, torch.bfloat16
)}  # fmt: skip
"""The dtypes that kernels are made for, and their names there."""


def step(batch: Batch) -> Floats | None:
    """Step all chunks of a batch, in one pass; four sums a segment if it wants them.

    The first step of a rule with these dtypes compiles its kernel.
    """
    if batch.statistics:
        return _summed(batch, *_work(batch, "sums"))
    _run(batch, *_work(batch, "plain"), np.zeros((0, STATISTICS)))
    return None


def rehearse(batch: Batch) -> Floats:
    """The four sums of a step that writes nothing."""
    return _summed(batch, *_work(batch, "rehearsal"))


def measure(batch: Batch) -> Floats:
    """Σg² and the count of gradients that are not finite, from one pass over the gradients."""
    found = measuring(KINDS[batch.dtypes[GRADIENT]])
    return _summed(batch, found, batch.starts, batch.tensor_of, batch.begins[GRADIENT:])


def _work(batch: Batch, form: str) -> tuple[Any, ...]:
    """A kernel and its tables."""
    kinds = tuple(KINDS[dtype] for dtype in batch.dtypes)
    found = kernel(batch.algorithm, kinds, KINDS[computing_dtype(batch.dtypes)], form)
    scales = np.ones(len(batch.counts)) if batch.scales is None else batch.scales
    floats = batch.hypers, batch.steps, scales
    return found, batch.starts, batch.tensor_of, batch.begins, *floats


def _run(batch: Batch, found: Any, *tables: Ints | Floats) -> None:
    if len(batch.chunks):
        LAUNCHER.run(found, *_contiguous(batch.chunks, *tables))


def _contiguous(*tables: Any) -> list[Any]:
    """Any other layout would be compiled anew."""
    return [np.ascontiguousarray(table) for table in tables]


def _summed(batch: Batch, found: Any, *tables: Ints | Floats) -> Floats:
    """Add up each segment's chunks in their order, whichever thread walked them."""
    chunks, many = batch.chunks, len(batch.counts)
    sums = np.zeros((len(chunks), STATISTICS))
    _run(batch, found, *tables, sums)
    if len(chunks) == many and not chunks[:, 1].any():
        return sums  # each segment is one chunk
    columns = (np.bincount(chunks[:, 0], sums[:, place], many) for place in range(STATISTICS))
    return np.stack(list(columns), axis=1)
