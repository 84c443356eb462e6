"""The names of an index cut into segments, so that a path is matched by comparing columns of numbers."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

CHUNK = 512  # names cut at once: few enough that the pieces stay in the cache


@dataclass(frozen=True)
class Spelling:
    """All names and aliases by segment.

    Attributes:
        words: The distinct segments, each with its number from 1 on.
        columns: The first segments of all names, the second ones, and so on, by number; 0 where a name has
            ended.
        positions: For each name, the position of its parameter in the index.
    """

    words: dict[str, int]
    columns: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int64]


def spelling(names: Sequence[str], positions: Sequence[int]) -> Spelling:
    """The segments of these names."""
    numbers: defaultdict[str, int] = defaultdict(count(1).__next__)
    flat = np.fromiter(map(numbers.__getitem__, _segments(names)), dtype=np.int32)
    lengths = np.array([name.count(".") + 1 for name in names], dtype=np.int64)
    table = np.zeros((len(names), lengths.max(initial=0)), dtype=np.int32)
    table[np.arange(table.shape[1]) < lengths[:, None]] = flat
    return Spelling(dict(numbers), np.ascontiguousarray(table.T), np.array(positions, dtype=np.int64))


def _segments(names: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(names), CHUNK):
        yield from ".".join(names[start : start + CHUNK]).split(".")
