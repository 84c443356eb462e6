"""Rows of a plan: a parameter and its values at one time."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from paramgroups.errors import PlanError, nearest
from paramgroups.indexing import Index, Row
from paramgroups.optim import pack
from paramgroups.optim.hyperparameters import PACKED
from paramgroups.planning.profile import Profile


class UnknownNameError(PlanError, AttributeError):
    """A row has no such value."""


class PartRow(NamedTuple):
    """Rows `start` to before `stop` of a tensor, and their values."""

    start: int
    stop: int
    values: Mapping[str, Any]


class PlanRow:
    """A parameter with all its values, such as `row.lr`, `row.weight_decay`, `row.trainable`, `row.name`.

    Attributes:
        row: What the index knows of it.
        values: Its hyperparameters by name.
        parts: Rows of it that have values of their own.
    """

    __slots__ = ("_profile", "parts", "row", "values")

    def __init__(
        self, row: Row, profile: Profile, values: Mapping[str, Any], parts: tuple[PartRow, ...] = ()
    ) -> None:
        self.row = row
        self.values = values
        self.parts = parts
        self._profile = profile

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.values:
            return self.values[name]
        if name in Row._fields or name in ("ndim", "names"):
            return getattr(self.row, name)
        packed = pack(self.values)
        if name in packed:
            return packed[name]
        known = [*self.values, *Row._fields]
        raise UnknownNameError(f'"{self.row.name}" has no "{name}". {nearest(name, known)}')

    def origin(self, hyper: str) -> str:
        """Who gave a hyperparameter its value, in words.

        Raises:
            PlanError: There is no such hyperparameter.
        """
        getattr(self, hyper)
        hyper = f"{PACKED[hyper]}1" if hyper in PACKED else hyper
        if hyper == "trainable":
            chain, start = self._profile.trainable, 0.0
        elif hyper in self._profile.courses:
            course = self._profile.courses[hyper]
            chain, start = course.chain, course.start
        else:
            return "model"
        return " × ".join(link.cause(self.row) for link in chain.acting(start))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PlanRow):
            return NotImplemented
        return (self.row, self.values, self.parts) == (other.row, other.values, other.parts)

    def __hash__(self) -> int:
        return hash(self.row)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"<{self.row.name}: {values}>"


class Snapshot(Mapping[str, PlanRow]):
    """Every parameter's values at one time, by name; an alias finds its parameter too.

    It holds no values until they are asked for.
    """

    def __init__(self, index: Index, row_at: Callable[[int], PlanRow]) -> None:
        self._index = index
        self._row_at = row_at

    def __getitem__(self, name: str) -> PlanRow:
        return self._row_at(self._index.position(name))

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __iter__(self) -> Iterator[str]:
        return (row.name for row in self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return f"<values of {len(self):,} parameters>"
