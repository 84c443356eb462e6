"""How segments are cut into pieces of work."""

import numpy as np

from paramgroups.optim.backends.batch import Ints

SIZE = 1 << 15
"""Numbers in a chunk: enough to hide its start, few enough that all threads end together."""


def plan_chunks(counts: Ints, size: int = SIZE) -> Ints:
    """Cut segments into chunks; a function of their lengths alone, so that sums have one order.

    Args:
        counts: How many numbers each segment has.
        size: The most numbers in a chunk.

    Returns:
        One row a chunk, segment by segment: the segment, the first number within it, how many.

    Example:
        >>> plan_chunks(np.array([3, 0, 5]), size=4).tolist()
        [[0, 0, 3], [2, 0, 4], [2, 4, 1]]
    """
    counts = np.asarray(counts, dtype=np.int64)
    pieces = -(-counts // size)
    segment = np.repeat(np.arange(len(counts)), pieces)
    place = np.arange(len(segment)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = place * size
    return np.stack([segment, first, np.minimum(size, counts[segment] - first)], axis=1)
