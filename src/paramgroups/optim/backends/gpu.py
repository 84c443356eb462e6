"""The backend for CUDA: one launch for all segments, compiled by Triton.

A step is one copy of its tables to the device and one kernel, two with statistics; nothing waits for the
device. No GPU was measured: Triton's interpreter proves the numbers, its compiler that the kernels compile.
"""

from typing import Any

import numpy as np
import torch
import triton.language as tl
from torch import Tensor

from paramgroups.optim.backends import gpu_kernels
from paramgroups.optim.backends.batch import STATISTICS, Batch, computing_dtype
from paramgroups.optim.backends.gpu_tables import Tables, constants, send

KINDS = {
    torch.float64: tl.float64,
    torch.float32: tl.float32,
    torch.float16: tl.float16,
    torch.bfloat16: tl.bfloat16,
}
"""The dtypes that kernels are made for, and their names there."""

BLOCK = 1024
"""Numbers that a program holds at once: eight for each of its threads."""
WIDTH = 128
"""Chunks whose sums are read at once."""
OPTIONS = {"num_warps": 4, "enable_fp_fusion": True}
"""A product and a sum may become one instruction, as on the CPU."""

ALL, GRADIENTS = slice(None), slice(1, 2)
"""The arrays that a pass touches."""


def step(batch: Batch) -> Tensor | None:
    """Step all chunks of a batch, in one launch; four sums a segment if it wants them.

    The first step of a rule with these dtypes compiles its kernel, or reads it from Triton's cache on disk.
    Float32 divides as Triton does, up to two of the last bits off.
    """
    found = _walked(batch, writes=True, sums=batch.statistics)
    return _gathered(*found) if batch.statistics else None


def rehearse(batch: Batch) -> Tensor:
    """The four sums of a step that writes nothing."""
    return _gathered(*_walked(batch, writes=False, sums=True))


def measure(batch: Batch) -> Tensor:
    """Σg² and the count of gradients that are not finite, from one pass over the gradients."""
    tables = send(batch, GRADIENTS, np.empty((len(batch.counts), 0)))
    sums = _rows(tables, len(batch.chunks))
    words = _words(batch, GRADIENTS, tables)
    _launch(gpu_kernels.measure, (len(batch.chunks),), tables.chunks, sums, **words)
    return _gathered(tables, sums)


def _walked(batch: Batch, *, writes: bool, sums: bool) -> tuple[Tables, Tensor]:
    """The tables of a walk over all chunks, and its sums, one row a chunk."""
    numbers = constants(batch)
    tables = send(batch, ALL, numbers)
    if batch.gates is not None:
        tables.constants.view(numbers.shape)[:, 0] = batch.gates
    found = _rows(tables, len(batch.chunks) if sums else 0)
    words = {
        "UPDATE": gpu_kernels.compiled(batch.algorithm),
        "COUNT": numbers.shape[1],
        "COMPUTING": KINDS[computing_dtype(batch.dtypes)],
        "WRITES": writes,
        "SUMS": sums,
        **_words(batch, ALL, tables),
    }
    _launch(gpu_kernels.walk, (len(batch.chunks),), tables.chunks, tables.constants, found, **words)
    return tables, found


def _words(batch: Batch, arrays: slice, tables: Tables) -> dict[str, Any]:
    kinds = tuple(KINDS[dtype] for dtype in batch.dtypes[arrays])
    return {"KINDS": kinds, "ALIGNED": tables.aligned, "BLOCK": BLOCK}


def _rows(tables: Tables, count: int) -> Tensor:
    return torch.empty((count, STATISTICS), dtype=torch.float64, device=tables.chunks.device)


def _gathered(tables: Tables, sums: Tensor) -> Tensor:
    """One row a segment, from one a chunk."""
    totals = _rows(tables, len(tables.bounds) - 1)
    _launch(gpu_kernels.gather, tuple(totals.shape), tables.bounds, sums, totals, WIDTH=WIDTH)
    return totals


def _launch(kernel: Any, grid: tuple[int, ...], *tables: Tensor, **words: Any) -> None:
    """Start one program for each place of the grid, on the device where the tables are."""
    if 0 not in grid:
        with torch.cuda.device_of(tables[0]):
            kernel[grid](*tables, **words, **OPTIONS)
