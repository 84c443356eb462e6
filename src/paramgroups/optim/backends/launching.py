"""How a kernel is started: on several threads where that is safe, else on this one."""

import os
import threading

import numba
import numpy as np
import torch

from paramgroups.optim.backends.batch import Floats, Ints
from paramgroups.optim.backends.kernels import Kernel

ENOUGH = 1 << 16
"""Numbers below which a second thread takes longer to start than it saves."""


class Launcher:
    """Runs one parallel kernel at a time.

    Numba's OpenMP layer ends a forked child that starts threads, its workqueue layer aborts the process when
    two threads start theirs. So a child, and whoever comes while another runs, works alone: same numbers,
    no waiting.
    """

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._forked = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._note_fork)

    def _note_fork(self) -> None:
        self._forked = True

    def run(self, kernel: Kernel, chunks: Ints, *tables: Ints | Floats) -> None:
        """Walk all chunks once.

        Args:
            kernel: What walks them.
            chunks: What `plan_chunks` gave.
            tables: What the kernel reads and fills besides.
        """
        counter = np.zeros(1, dtype=np.int64)
        threads = _threads(chunks)
        if threads > 1 and not self._forked and self._busy.acquire(blocking=False):
            try:
                _run_together(kernel, threads, counter, chunks, *tables)
            finally:
                self._busy.release()
        else:
            kernel.serial(counter, chunks, *tables)


def _threads(chunks: Ints) -> int:
    if chunks[:, 2].sum() < ENOUGH:
        return 1
    return min(torch.get_num_threads(), int(numba.config.NUMBA_NUM_THREADS), len(chunks))


def _run_together(kernel: Kernel, threads: int, counter: Ints, chunks: Ints, *tables: Ints | Floats) -> None:
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        kernel.parallel(threads, counter, chunks, *tables)
    finally:
        numba.set_num_threads(before)


LAUNCHER = Launcher()
