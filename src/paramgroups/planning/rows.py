"""Rows of a plan: a parameter and its values at one time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paramgroups.errors import PlanError, nearest
from paramgroups.indexing import Index, Row
from paramgroups.optim import pack
from paramgroups.optim.hyperparameters import PACKED
from paramgroups.planning.cascade import Cascade
from paramgroups.planning.numbers import decimal
from paramgroups.planning.profile import Profile

OF_THE_MODEL = (*Row._fields, "ndim", "names")


class UnknownNameError(PlanError, AttributeError):
    """A row has no such value."""


@dataclass(frozen=True)
class PartRow:
    """Rows `start` to before `stop` of a tensor, and their values."""

    start: int
    stop: int
    values: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class PlanRow:
    """A parameter with all its values, such as `row.lr`, `row.weight_decay`, `row.trainable`, `row.name`.

    Attributes:
        row: What the index knows of it.
        values: Its hyperparameters by name.
        parts: Rows of it that have values of their own.
    """

    row: Row
    _values: Mapping[str, Any]
    parts: tuple[PartRow, ...]
    _profile: Profile = field(compare=False)
    _tick: float | None = field(compare=False)

    @property
    def values(self) -> dict[str, Any]:
        """Its hyperparameters by name; a copy, since parameters of equal values share them."""
        return dict(self._values)

    @property
    def name(self) -> str:
        """Its canonical name."""
        return self.row.name

    @property
    def lr(self) -> float:
        """Its rate."""
        return float(self._values["lr"])

    @property
    def trainable(self) -> bool:
        """Whether it is trained at this time."""
        return bool(self._values["trainable"])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._values:
            return self._values[name]
        if name in OF_THE_MODEL:
            return getattr(self.row, name)
        if name in self._profile.own:
            return self._profile.own[name].at(
                self._profile.courses["lr"].start if self._tick is None else self._tick
            )
        packed = pack(self._values)
        if name in packed:
            return packed[name]
        raise UnknownNameError(
            f'"{self.row.name}" has no "{name}". {nearest(name, [*packed, *self._values, *OF_THE_MODEL])}'
        )

    def origin(self, hyper: str) -> str:
        """Who gave a hyperparameter its value, in words; the schedule is told by `explain`.

        Raises:
            PlanError: There is no such hyperparameter.
        """
        getattr(self, checked_name(hyper))
        first = f"{PACKED[hyper]}1" if hyper in PACKED else hyper
        if first not in self._values and first not in self._profile.own:
            return "model"
        chain, start = self._cascade(first)
        tick = start if self._tick is None else self._tick
        return " × ".join(link.cause(self.row) for link in chain.acting(tick))

    def _cascade(self, hyper: str) -> tuple[Cascade, float]:
        profile = self._profile
        own = {"trainable": profile.trainable, "optimizer": profile.named, **profile.own}
        if hyper in own:
            return own[hyper], profile.courses["lr"].start
        return profile.courses[hyper].told, profile.courses[hyper].start

    def __hash__(self) -> int:
        return hash(self.row)

    def __repr__(self) -> str:
        unsaid = (None, False)
        told = {
            name: value
            for name, value in pack(self._values).items()
            if name == "trainable" or not any(value is one for one in unsaid)
        }
        return f"<{self.row.name}: {', '.join(f'{name} {decimal(value)}' for name, value in told.items())}>"


class Snapshot(Mapping[str, PlanRow]):
    """Every parameter's values at one time, by name; an alias finds its parameter too.

    It holds no values until they are asked for.
    """

    def __init__(self, index: Index, row_at: Callable[[int], PlanRow]) -> None:
        self._index = index
        self._row_at = row_at

    def __getitem__(self, name: str) -> PlanRow:
        return self._row_at(position_of(name, self._index))

    def get(self, name: str, default: Any = None) -> Any:
        """The parameter's values, or the default where there is none of this name."""
        return self[name] if name in self else default  # noqa: SIM401  # this is `get`

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._index

    def __iter__(self) -> Iterator[str]:
        return (row.name for row in self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return f"<values of {len(self):,} parameters>"


def checked_name(hyper: str) -> str:
    """The name of a hyperparameter.

    Raises:
        PlanError: It is no text.
    """
    if not isinstance(hyper, str):
        raise PlanError(f'{hyper!r} is no name. Hyperparameters are asked for by name, such as "lr".')
    return hyper


def position_of(name: str, index: Index) -> int:
    """Where the parameter of a name or alias stands in the index.

    Raises:
        PlanError: It is no text.
        ModelError: No parameter has this name; the nearest is named.
    """
    if not isinstance(name, str):
        raise PlanError(f'{name!r} is no name. Parameters are found by name, such as "{index.rows[0].name}".')
    return index.position(name)
