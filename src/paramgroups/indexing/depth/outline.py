"""The modules of a model as slices of one list, with what each of them holds counted."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from torch import nn

from paramgroups.indexing.kinds import kind_of
from paramgroups.indexing.places import Found, Place
from paramgroups.indexing.wrappers import class_of

Counts = npt.NDArray[np.int64]
COUNTED = ("tensors", "weights", "norms", "embeddings", "heads", "layers")
NORM_LAYERS = {"norm", "norm_like"}


class Outline:
    """A walk in which everything below a place is one slice: place `i` and all below it are `[i, stop[i])`.

    Args:
        walk: All places, parents first.
        names: All names of tensors.
        roles: The roles of each of them.
        calls: When each module, by its id, was first run, if that is known.
    """

    def __init__(
        self,
        walk: Sequence[Place],
        names: Sequence[Found],
        roles: Sequence[frozenset[str]],
        calls: Mapping[int, int] | None = None,
    ) -> None:
        self.walk = walk
        self.stop = self._stops()
        self._own = self._counts(names, roles)
        self._sums = np.vstack([np.zeros((1, len(COUNTED)), np.int64), np.cumsum(self._own, axis=0)])
        self._calls = calls or {}

    def __getitem__(self, position: int) -> nn.Module:
        return self.walk[position].module

    def path(self, position: int) -> str:
        """The canonical path of a place."""
        return self.walk[position].path

    def segment(self, position: int) -> str:
        """The last segment of the path as the module's parent has it."""
        return self.walk[position].raw.rpartition(".")[2]

    def count(self, position: int, what: str) -> int:
        """How many tensors, or places that hold weights, norms …, stand at a place or below it."""
        column = COUNTED.index(what)
        return int(self._sums[self.stop[position], column] - self._sums[position, column])

    def own(self, position: int, what: str) -> int:
        """As `count`, of what the module itself holds."""
        return int(self._own[position, COUNTED.index(what)])

    def all_are(self, position: int, what: str) -> bool:
        """Whether all tensors at a place or below it are embeddings, or heads."""
        return self.count(position, what) == self.count(position, "tensors")

    def children(self, position: int) -> list[int]:
        """The modules below a place that hold tensors, in the order they run, or else the model's."""
        found = [child for child in self._below(position) if self.count(child, "tensors")]
        return sorted(found, key=self._first_calls.__getitem__) if self._calls else found

    def first_call(self, position: int) -> float:
        """When a module was first run; what never ran follows what stands before it."""
        return self._first_calls[position] if self._calls else 0.0

    def _below(self, position: int) -> Iterator[int]:
        child = position + 1
        while child < self.stop[position]:
            yield child
            child = self.stop[child]

    def _stops(self) -> list[int]:
        stop = list(range(1, len(self.walk) + 1))
        for place in reversed(self.walk):
            above = place.parent
            if above is not None and stop[above.at] < stop[place.at]:
                stop[above.at] = stop[place.at]
        return stop

    def _counts(self, names: Sequence[Found], roles: Sequence[frozenset[str]]) -> Counts:
        """For each place what it holds itself: tensors by kind; `weights` is 1 where it has any."""
        own = np.zeros((len(self.walk), len(COUNTED)), np.int64)
        where = np.array([one.place.at for one in names], dtype=np.int64)
        norms = np.array(["norm" in one for one in roles], dtype=bool)
        wide = np.array([one.tensor.dim() > 1 for one in names], dtype=bool)
        np.add.at(own[:, 0], where, 1)
        own[where[wide & ~norms], 1] = 1
        for column, role in enumerate(("norm", "embedding", "head"), start=2):
            np.add.at(own[:, column], where, np.array([role in one for one in roles], dtype=np.int64))
        # A norm counts as a layer of a block also where it has no parameters: frozen, or not affine.
        normed = [kind_of(class_of(place.module)).layer in NORM_LAYERS for place in self.walk]
        own[:, 5] = own[:, 1] | np.array(normed, dtype=np.int64)
        return own

    @cached_property
    def _first_calls(self) -> list[float]:
        first = [float(self._calls.get(id(place.module), np.inf)) for place in self.walk]
        for position in range(len(self.walk) - 1, 0, -1):
            above = self.walk[position].parent
            if above is not None and id(above.module) not in self._calls:
                first[above.at] = min(first[above.at], first[position])
        return first
