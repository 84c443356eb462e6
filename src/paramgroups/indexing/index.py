"""The index: the rows of a model, and ways to find them."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from paramgroups.errors import ModelError, nearest
from paramgroups.indexing.row import Row
from paramgroups.indexing.spelling import Spelling, spelling


class Index:
    """One frozen row for each distinct parameter of a model, in the model's order.

    Iterating gives the rows; `index[name]` finds one by its name or by any alias.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self.positions

    def __getitem__(self, name: str) -> Row:
        return self.rows[self.position(name)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and self.rows == other.rows

    def __hash__(self) -> int:
        return hash(self.rows)

    def __repr__(self) -> str:
        return f"<Index of {len(self.rows):,} parameters>"

    def position(self, name: str) -> int:
        """Where the parameter of this name or alias stands among the rows.

        Raises:
            ModelError: There is no parameter of this name; the nearest one is named.
        """
        try:
            return self.positions[name]
        except (KeyError, TypeError):
            found = f"The model has {len(self.rows):,} parameters."
            raise ModelError(
                f'"{name}" is no parameter of the model. {found} {nearest(str(name), self.positions)}'
            ) from None

    def column(self, attribute: str) -> npt.NDArray[np.generic]:
        """One attribute of all rows, as an array in the order of the rows."""
        if attribute not in self._columns:
            self._columns[attribute] = np.array([getattr(row, attribute) for row in self.rows])
        return self._columns[attribute]

    def distinct(self, attribute: str) -> tuple[tuple[Any, ...], npt.NDArray[np.int64]]:
        """The distinct values of an attribute, and for each row the place of its value among them."""
        if attribute not in self._distinct:
            column = list(map(attrgetter(attribute), self.rows))
            places = {value: place for place, value in enumerate(dict.fromkeys(column))}
            found = np.fromiter(map(places.__getitem__, column), dtype=np.int64, count=len(column))
            self._distinct[attribute] = (tuple(places), found)
        return self._distinct[attribute]

    @cached_property
    def _distinct(self) -> dict[str, tuple[tuple[Any, ...], npt.NDArray[np.int64]]]:
        return {}

    @cached_property
    def _columns(self) -> dict[str, npt.NDArray[np.generic]]:
        return {}

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each name and alias."""
        return {name: position for position, row in enumerate(self.rows) for name in row.names}

    @cached_property
    def spelling(self) -> Spelling:
        """All names and aliases by segment."""
        return spelling(list(self.positions), list(self.positions.values()))
