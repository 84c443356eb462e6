"""How a kernel is started: on torch's own threads where there is work for several, else on this one."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch

from paramgroups.optim.backends.batch import Floats, Ints
from paramgroups.optim.backends.interface import address_of
from paramgroups.optim.backends.tables import described

ENOUGH = 1 << 18
"""Numbers below which other threads take longer to wake than they save."""

Together = Callable[[Any, int, int], None]


class Launcher:
    """Runs kernels.

    Threads of our own, or of Numba, would compete with torch's for the same processors, which wait for more
    work a while after each operation. A child that was forked has none of torch's threads, and a kernel that
    waited for them would wait for ever: it works alone.
    """

    def __init__(self) -> None:
        self._forked = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._note_fork)

    def _note_fork(self) -> None:
        self._forked = True

    def run(self, kernel: Any, chunks: Ints, *tables: Ints | Floats) -> None:
        """Walk all chunks once.

        Args:
            kernel: What walks them.
            chunks: What `plan_chunks` gave.
            tables: What the kernel reads and fills besides.
        """
        counter = np.zeros(1, dtype=np.int64)
        context = described([counter, chunks, *tables])
        threads = 1 if self._forked else _threads(chunks)
        if threads > 1:
            together()(kernel, threads, context.ctypes.data)
        else:
            kernel.ctypes(0, 1, context.ctypes.data)


def _threads(chunks: Ints) -> int:
    if chunks[:, 2].sum() < ENOUGH:
        return 1
    return min(torch.get_num_threads(), len(chunks))


@cache
def together() -> Together:
    """What runs a kernel on several threads: torch's own, where this torch lends them to others."""
    address = address_of("torch_parallel_for")
    return on_threads_of_our_own if address is None else _on_torchs(address)


def _on_torchs(address: int) -> Together:
    kinds = (ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    parallel_for = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(address)

    def run(kernel: Any, threads: int, context: int) -> None:
        if parallel_for(0, threads, 1, kernel.address, context):
            raise RuntimeError("torch could not start its threads; some tensors may have been stepped")

    return run


def on_threads_of_our_own(kernel: Any, threads: int, context: int) -> None:
    """Run a kernel on this thread and on some that sleep between; who wakes up too late is not waited for."""
    helpers = [_pool().submit(kernel.ctypes, 0, 1, context) for _ in range(threads - 1)]
    kernel.ctypes(0, 1, context)
    for helper in helpers:
        if not helper.cancel():
            helper.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "paramgroups")


LAUNCHER = Launcher()
