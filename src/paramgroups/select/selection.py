"""What a selector found: whole tensors, and rows of some."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from paramgroups.indexing.index import Index
from paramgroups.select.intervals import Intervals, complement, intersection, union

Mask = npt.NDArray[np.bool_]


class Selection:
    """A set of rows of the parameters of one index, with the algebra of sets: `&`, `|`, `-`, `~`.

    Two selections are equal when they hold the same rows of the same parameters. `len` is the number of
    parameters of which something is selected.

    Attributes:
        index: The index that was asked.
        whole: For each parameter of the index, whether all of it is selected.
        rows: Of the parameters selected in part, by position: the intervals of dimension 0.
    """

    __slots__ = ("index", "rows", "whole")
    __hash__ = None  # type: ignore[assignment]  # equality compares arrays

    def __init__(self, index: Index, whole: Mask, rows: Mapping[int, Intervals] | None = None) -> None:
        self.index = index
        self.whole = whole.copy()
        self.rows: dict[int, Intervals] = {}
        for position, intervals in sorted((rows or {}).items()):
            self.whole[position] = intervals == ((0, self._length(position)),)
            if intervals and not self.whole[position]:
                self.rows[position] = intervals
        self.whole.flags.writeable = False

    def __and__(self, other: "Selection") -> "Selection":
        return self._combine(other, np.logical_and, intersection)

    def __or__(self, other: "Selection") -> "Selection":
        return self._combine(other, np.logical_or, union)

    def __sub__(self, other: "Selection") -> "Selection":
        return self & ~other

    def __invert__(self) -> "Selection":
        rest = {at: complement(rows, self._length(at)) for at, rows in self.rows.items()}
        return Selection(self.index, ~self.whole, rest)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selection):
            return NotImplemented
        same = self.rows == other.rows and np.array_equal(self.whole, other.whole)
        return same and self.index == other.index

    def __len__(self) -> int:
        return int(self.whole.sum()) + len(self.rows)

    def __repr__(self) -> str:
        part = f", {len(self.rows)} of them in part" if self.rows else ""
        return f"<Selection of {len(self):,} of {len(self.index):,} parameters{part}>"

    @property
    def positions(self) -> list[int]:
        """Where the parameters of which something is selected stand in the index."""
        return sorted([*np.flatnonzero(self.whole).tolist(), *self.rows])

    @property
    def names(self) -> tuple[str, ...]:
        """Canonical names of the parameters of which something is selected."""
        return tuple(self.index.rows[position].name for position in self.positions)

    def restrict(self, start: int | None, stop: int | None) -> "Selection":
        """Of what is selected, the rows from `start` to `stop` of each tensor, counted as Python does.

        Tensors without dimensions have no rows and drop out.
        """
        cut = slice(start, stop)
        rows = {at: self._cut(at, cut) for at in self.positions}
        return Selection(self.index, np.zeros_like(self.whole), rows)

    def _cut(self, position: int, cut: slice) -> Intervals:
        first, last, _ = cut.indices(self._length(position))
        return intersection(self.intervals(position), ((first, last),))

    def _combine(
        self,
        other: "Selection",
        masks: Callable[..., Any],
        rows: Callable[[Intervals, Intervals], Intervals],
    ) -> "Selection":
        parts = {at: rows(self.intervals(at), other.intervals(at)) for at in {**self.rows, **other.rows}}
        return Selection(self.index, masks(self.whole, other.whole), parts)

    def intervals(self, position: int) -> Intervals:
        """The rows of one parameter that are selected."""
        if self.whole[position]:
            return ((0, self._length(position)),)
        return self.rows.get(position, ())

    def _length(self, position: int) -> int:
        shape = self.index.rows[position].shape
        return shape[0] if shape else 0
