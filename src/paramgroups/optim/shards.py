"""Which part of a tensor is in this process, where it is spread over several."""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from paramgroups.optim.backends.batch import Ints


class Run(NamedTuple):
    """Rows that lie side by side in the whole tensor and in the part of it that is here.

    Attributes:
        start: The first of them in the whole.
        here: The first of them in the part.
        rows: How many they are.
    """

    start: int
    here: int
    rows: int

    def of(self, start: int, stop: int) -> slice:
        """Where rows of the whole are in the part; nothing, where they are not of this run."""
        first, end = max(start, self.start), min(stop, self.start + self.rows)
        begin = self.here + first - self.start
        return slice(begin, begin + max(end - first, 0)) if first < end else slice(0, 0)


class Split(NamedTuple):
    """How rows are dealt out to the processes along one dimension of a mesh.

    Attributes:
        parts: How many get some.
        place: Which of them this one is.
        strides: Into how many pieces rows are cut first, each then dealt out by itself; as tensor parallel
            before `fully_shard` has it.
    """

    parts: int
    place: int
    strides: int = 1


def runs_of(tensor: Tensor) -> list[Run]:
    """The rows of a tensor that are here: all of them, unless its first dimension is spread."""
    count = tensor.shape[0] if tensor.dim() else 1
    return runs(kept(count, _splits(tensor))) if is_spread(tensor) else [Run(0, 0, count)]


def kept(count: int, splits: Iterable[Split]) -> Ints:
    """Which of so many rows are here, in the order of the mesh's dimensions.

    Example:
        >>> [kept(10, [Split(4, place)]).tolist() for place in range(4)]
        [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
        >>> kept(8, [Split(2, 0, strides=2), Split(2, 1)]).tolist()
        [4, 5]
    """
    rows = np.arange(count)
    for split in splits:
        rows = np.concatenate([_share(piece, split) for piece in _chunks(rows, split.strides)])
    return rows


def runs(rows: Ints) -> list[Run]:
    """Rows as runs.

    >>> runs(np.array([0, 1, 4, 5, 6]))
    [Run(start=0, here=0, rows=2), Run(start=4, here=2, rows=3)]
    """
    edges = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
    pairs = pairwise(edges)
    return [Run(int(rows[start]), start, stop - start) for start, stop in pairs if start < stop]


def is_spread(tensor: Tensor) -> bool:
    """Whether it tells how it is placed on several processes, as a `DTensor` does."""
    return hasattr(tensor, "placements")


def parts_of(tensor: Any) -> int:
    """Into how many parts a tensor is cut; processes with the same part hold the same numbers."""
    if not is_spread(tensor):
        return 1
    each = zip(tensor.placements, tensor.device_mesh.shape, strict=True)
    return math.prod(size for placement, size in each if _dim(placement) is not None)


def placed_as(tensor: Any, param: Any) -> Tensor:
    """A whole tensor, or one placed otherwise, as its parameter is: each process keeps its part."""
    if not is_spread(param) or (is_spread(tensor) and tensor.placements == param.placements):
        return tensor  # type: ignore[no-any-return]  # a tensor, as DTensor is one
    if is_spread(tensor):
        return tensor.redistribute(placements=param.placements)  # type: ignore[no-any-return]  # likewise
    from torch.distributed.tensor import distribute_tensor  # noqa: PLC0415  # loaded: there is a DTensor

    return distribute_tensor(tensor.to(param.device), param.device_mesh, param.placements, src_data_rank=None)


def _splits(tensor: Any) -> list[Split]:
    mesh = tensor.device_mesh
    places = mesh.get_coordinate()
    if places is None:  # this process is outside of the mesh
        return [Split(1, 1)]
    each = zip(tensor.placements, mesh.shape, places, strict=True)
    return [
        Split(parts, place, getattr(placement, "split_factor", 1))
        for placement, parts, place in each
        if _dim(placement) == 0
    ]


def _dim(placement: Any) -> int | None:
    """The dimension of a tensor that is cut along a dimension of the mesh; None where it is not."""
    dim: int | None = getattr(placement, "dim", None)
    return dim


def _share(rows: Ints, split: Split) -> Ints:
    return _chunks(rows, split.parts)[split.place] if split.place < split.parts else rows[:0]


def _chunks(rows: Ints, parts: int) -> list[Ints]:
    """As `torch.chunk` cuts, the last ones perhaps shorter or empty."""
    size = -(-len(rows) // parts)
    return [rows[place * size : (place + 1) * size] for place in range(parts)]
