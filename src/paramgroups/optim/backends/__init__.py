"""Where a step is computed: every backend has a module with `step(batch)`, loaded when it is used."""

from paramgroups.optim.backends.batch import STATISTICS, Batch, computing_dtype
from paramgroups.optim.backends.chunks import plan_chunks

__all__ = ["STATISTICS", "Batch", "computing_dtype", "plan_chunks"]
