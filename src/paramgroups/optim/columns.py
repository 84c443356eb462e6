"""The hyperparameters of all groups as columns of numbers, read from `param_groups` at each step."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from torch import Tensor

from paramgroups.errors import OptimizerError, shown
from paramgroups.optim.backends.batch import Floats
from paramgroups.optim.hyperparameters import PARTS, domain_of, key_of

PLAIN = frozenset((bool, int, float))

Settings = Mapping[str, Any]
Called = Callable[[int], str]


def in_group(place: int) -> str:
    """What the settings at a place are called where all of them are groups."""
    return f"group {place}"


class Columns:
    """A number for each hyperparameter and each of several settings.

    A column is made anew only if a value in it is another one, so that what stands still costs a glance.

    Args:
        keys: The settings that are read, under torch's names.
        hypers: The hyperparameters, parts of tuples by their own names.

    Attributes:
        numbers: By hyperparameter, one number for each of the settings.
    """

    def __init__(self, keys: Sequence[str], hypers: Sequence[str]) -> None:
        self.numbers: dict[str, Floats] = {}
        self._keys = keys
        self._row = itemgetter(*keys)
        self._hypers = {key: [name for name in hypers if key_of(name) == key] for key in keys}
        self._rows: list[tuple[Any, ...]] = []
        self._columns: dict[str, tuple[Any, ...]] = {}
        self._fixed = False  # a tensor or a list may be written in place, and looks the same then

    def read(self, settings: Sequence[Settings], called: Called = in_group) -> list[str]:
        """Read all settings.

        Args:
            settings: Those of each group, and whatever else has its own.
            called: What the settings at a place are called.

        Returns:
            The keys whose values are others than before.

        Raises:
            OptimizerError: A value is out of its domain, no number, or gone. All columns are as they were.
        """
        rows = self._rows_of(settings, called)
        if self._fixed and _same(rows, self._rows):
            return []
        columns = dict(zip(self._keys, zip(*rows, strict=True), strict=True)) if rows else {}
        changed = [key for key, values in columns.items() if self._differs(key, values)]
        numbers = {
            name: numbers_of(name, columns[key], called) for key in changed for name in self._hypers[key]
        }
        self.numbers |= numbers
        self._rows, self._columns = rows, columns
        self._fixed = all(map(is_fixed, columns.values()))
        return changed

    def values(self, key: str) -> Sequence[Any]:
        """What stands under a key."""
        return self._columns.get(key, ())

    def _rows_of(self, settings: Sequence[Settings], called: Called) -> list[tuple[Any, ...]]:
        try:
            return list(map(self._row, settings))
        except KeyError as error:
            place = next(place for place, one in enumerate(settings) if error.args[0] not in one)
            raise OptimizerError(
                f"There is no {error.args[0]!r} in {called(place)}: it was taken away since. Put it back: "
                f"group[{error.args[0]!r}] = …"
            ) from error

    def _differs(self, key: str, values: tuple[Any, ...]) -> bool:
        return not is_fixed(values) or not _same(values, self._columns.get(key, ()))


def is_fixed(values: Sequence[Any]) -> bool:
    """Whether values that look the same are the same: numbers, and tuples of numbers."""
    kinds = set(map(type, values))
    if kinds <= PLAIN:
        return True
    parts = {type(part) for value in values if type(value) is tuple for part in value}
    return kinds <= PLAIN | {tuple, str, type(None)} and parts <= PLAIN


def numbers_of(name: str, values: Sequence[Any], called: Called = in_group) -> Floats:
    """One number for each value, each in the domain of its hyperparameter.

    Raises:
        OptimizerError: A value is out of it, or no number.
    """
    parts = name in PARTS or set(map(type, values)) - PLAIN
    found = [part_of(value, name) for value in values] if parts else values
    domain = domain_of(name)
    try:
        numbers = np.array(found, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.zeros(())
    if numbers.ndim != 1:
        numbers = np.array([value if value in domain else np.nan for value in found])
    inside = np.isfinite(numbers) & domain.spans(numbers)
    if set(map(type, found)) - PLAIN:
        inside &= [type(value) in PLAIN for value in found]
    if not inside.all():
        place = int(np.argmin(inside))
        key, wanted = (
            (key_of(name), f"numbers, {name} {domain}") if name in PARTS else (name, f"a number, {domain}")
        )
        raise OptimizerError(f"{key}={shown(values[place])} in {called(place)}: it must be {wanted}.")
    return numbers


def _same(rows: Sequence[Any], before: Sequence[Any]) -> bool:
    try:
        return rows == before
    except (RuntimeError, ValueError):  # an array of several numbers is neither equal nor unequal
        return False


def part_of(value: Any, name: str) -> Any:
    """A hyperparameter as a plain number, out of its tuple or tensor; None where there is none such."""
    if name in PARTS:
        part = PARTS[name][1]
        value = value[part] if isinstance(value, (tuple, list)) and part < len(value) else None
    if isinstance(value, Tensor):
        return value.item() if value.numel() == 1 else None
    return value.item() if isinstance(value, np.generic) else value
