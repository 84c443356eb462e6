"""The backend for the CPU: one pass over all segments, compiled by Numba."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch

from paramgroups.optim.backends.batch import STATISTICS, Batch, Floats, Ints, computing_dtype
from paramgroups.optim.backends.chunks import plan_chunks
from paramgroups.optim.backends.kernels import kernel
from paramgroups.optim.backends.launching import LAUNCHER

KINDS = {dtype: str(dtype).removeprefix("torch.") for dtype in (
    torch.float64, torch.float32, torch.float16, torch.bfloat16
)}  # fmt: skip
"""The dtypes that kernels are made for, and their names there."""


def step(batch: Batch) -> None:
    """Step every segment of a batch, in one pass.

    The first step of a rule with these dtypes compiles its kernel.

    Args:
        batch: What to step; its parameters, states and statistics are written.
    """
    chunks = plan_chunks(batch.counts) if batch.chunks is None else batch.chunks
    with_sums = batch.statistics is not None
    sums = np.zeros((len(chunks) if with_sums else 0, STATISTICS))
    if len(chunks):
        kinds = tuple(KINDS[dtype] for dtype in batch.dtypes)
        found = kernel(batch.algorithm, kinds, KINDS[computing_dtype(batch.dtypes)], sums=with_sums)
        LAUNCHER.run(found, chunks, *_tables(batch), sums)
    if batch.statistics is not None:
        _gather(sums, chunks, batch.statistics)


def addresses(batch: Batch) -> Ints:
    """Where every tensor begins: one row for parameters, gradients and each state.

    Parameters and gradients belong to others and are read anew; the states are the batch's own.
    """
    if batch.state_addresses is None:
        batch.state_addresses = _begins(batch.states, len(batch.params))
    return np.concatenate((_begins([batch.params, batch.grads], len(batch.params)), batch.state_addresses))


def _begins(rows: Sequence[Sequence[torch.Tensor]], count: int) -> Ints:
    found = map(torch.Tensor.data_ptr, chain.from_iterable(rows))
    return np.fromiter(found, np.int64, len(rows) * count).reshape(len(rows), count)


def _tables(batch: Batch) -> tuple[Ints | Floats, ...]:
    scales = np.ones(len(batch.counts)) if batch.scales is None else batch.scales
    ints = batch.starts, batch.tensor_of, addresses(batch)
    floats = batch.hypers, batch.steps, scales
    return (
        *(np.ascontiguousarray(table, dtype=np.int64) for table in ints),
        *(np.ascontiguousarray(table, dtype=np.float64) for table in floats),
    )


def _gather(sums: Floats, chunks: Ints, statistics: Floats) -> None:
    """Add up each segment's chunks in their order, whichever thread walked them."""
    for column in range(STATISTICS):
        statistics[:, column] = np.bincount(chunks[:, 0], sums[:, column], len(statistics))
