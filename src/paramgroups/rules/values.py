"""Values of settings that are a function of the row."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from paramgroups.errors import RuleError, listing, shown
from paramgroups.indexing import Row
from paramgroups.optim import is_number
from paramgroups.schedules import Length
from paramgroups.schedules.lengths import length

Data = dict[str, Any]


class RowValue(ABC):
    """A value that differs from parameter to parameter."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What `explain` calls it."""

    @abstractmethod
    def resolve(self, rows: Sequence[Row]) -> list[Any]:
        """The value of each of the rows that a rule matches."""

    @abstractmethod
    def to_data(self) -> Data:
        """Itself as plain data, for a file."""

    def where(self, row: Row) -> str:
        """What of the row the value depends on, for `explain`."""
        return row.name

    def word(self, row: Row, value: Any) -> str:  # noqa: ARG002  # a name may be of the row instead
        """What a group of parameters with this value is called."""
        return f"{self.label} {value:g}" if is_number(value) else f"{self.label} {value}"

    @property
    def opaque(self) -> bool:
        """Whether only its results can be saved, not the way they were found."""
        return False


@dataclass(frozen=True, slots=True)
class PerParameter(RowValue):
    """A user's function of the row; made by `per_parameter`."""

    name: str
    fn: Callable[[Row], Any]

    @property
    def label(self) -> str:
        """Its name."""
        return self.name

    @property
    def opaque(self) -> bool:
        """Only its results can be saved."""
        return True

    def resolve(self, rows: Sequence[Row]) -> list[Any]:
        """The value of each row."""
        return [self._value(row) for row in rows]

    def _value(self, row: Row) -> Any:
        try:
            return self.fn(row)
        except Exception as error:
            raise RuleError(
                f'per_parameter("{self.name}") raised {type(error).__name__} for "{row.name}": {error}. '
                "It must return a value for each parameter that its rule matches."
            ) from error

    def to_data(self) -> Data:
        """Itself as plain data."""
        raise RuleError(
            f'per_parameter("{self.name}") is a function, and a function is no data. Plan first, then save '
            "`plan.recipe`: it holds the resolved values instead."
        )


@dataclass(frozen=True, slots=True)
class Table(RowValue):
    """Resolved values by name: what a function is saved as."""

    name: str
    values: tuple[tuple[str, Any], ...]

    @property
    def label(self) -> str:
        """Its name."""
        return self.name

    @property
    def opaque(self) -> bool:
        """Only its results can be saved."""
        return True

    def resolve(self, rows: Sequence[Row]) -> list[Any]:
        """The value of each row."""
        values = dict(self.values)
        if lacking := [row.name for row in rows if row.name not in values]:
            raise RuleError(
                f'The table "{self.name}" has no value for {listing(lacking)}. '
                "It was saved for another model: add the names, or give the function again."
            )
        return [values[row.name] for row in rows]

    def to_data(self) -> Data:
        """Itself as plain data."""
        return {"use": "table", "label": self.name, "opaque": True, "values": dict(self.values)}


def per_parameter(label: str, fn: Callable[[Row], Any]) -> PerParameter:
    """A value that is a function of the row.

    Args:
        label: What `explain` and a saved recipe call it.
        fn: Called once with the index's row of each parameter that the rule matches.

    Raises:
        RuleError: The label is empty, or `fn` cannot be called.

    Example:
        >>> import paramgroups as pg
        >>> narrow = pg.per_parameter("1/fan_in", lambda row: 256 / row.fan_in)
        >>> pg.rule("blocks[ndim==2]", lr_scale=narrow).settings["lr_scale"].label
        '1/fan_in'
    """
    if not isinstance(label, str) or not label.strip():
        raise RuleError(f'per_parameter(label={shown(label)}): give it a name, such as "1/fan_in".')
    if not callable(fn):
        raise RuleError(f'per_parameter("{label}", {shown(fn)}): give a function of the row.')
    return PerParameter(label, fn)


def to_data(value: Any) -> Any:
    """A setting's value as plain data."""
    return value.to_data() if isinstance(value, RowValue) else value


def bound(option: str, value: Any) -> Length | RowValue:
    """Where a window begins or ends: a length, or a function of the row that gives one, or None.

    Raises:
        ScheduleError: It is neither.
        RuleError: It is a function that is not said to be of the row.
    """
    if isinstance(value, RowValue):
        return value
    if callable(value):
        raise RuleError(
            f"{option}={shown(value)} is no length. For a function of the row write "
            'per_parameter("label", fn).'
        )
    return length(option, value)
