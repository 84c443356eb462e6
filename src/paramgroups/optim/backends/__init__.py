"""Where a step is computed: every backend is a module that satisfies `Backend`, loaded when it is used."""

from paramgroups.optim.backends.batch import STATISTICS, Backend, Batch, computing_dtype
from paramgroups.optim.backends.chunks import plan_chunks

__all__ = ["STATISTICS", "Backend", "Batch", "computing_dtype", "plan_chunks"]
