"""The hyperparameters of all groups as columns of numbers, read from `param_groups` at each step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from paramgroups.errors import OptimizerError, shown
from paramgroups.optim.backends.batch import Floats, Ints
from paramgroups.optim.hyperparameters import PACKED, domain_of

PARTS = {f"{part}{number}": (key, number - 1) for key, part in PACKED.items() for number in (1, 2, 3)}
"""Which part of which tuple a hyperparameter is."""


class Columns:
    """A table with a row for each segment, filled from the groups that the segments are of.

    A column is filled anew only if a value in it is another one, so that what stands still costs a glance.

    Args:
        hypers: The columns.
        group_of: The group of each segment.
        others: The columns that are no hyperparameters of a group: they are left alone.
    """

    def __init__(self, hypers: Sequence[str], group_of: Ints, others: Sequence[str] = ()) -> None:
        self.table: Floats = np.zeros((len(group_of), len(hypers)))
        self._group_of = group_of
        self._owners: list[int] = np.unique(group_of).tolist()
        self._places: dict[str, list[tuple[int, str]]] = {}
        for place, name in enumerate(hypers):
            if name not in others:
                self._places.setdefault(PARTS.get(name, (name, 0))[0], []).append((place, name))
        self._read: dict[str, list[Any]] = {}
        self._in_tensors: set[str] = set()  # which are written in place, so that they look the same

    def fill(self, groups: Sequence[dict[str, Any]]) -> Floats:
        """The table as the groups have it now.

        Raises:
            OptimizerError: A value is out of its domain, no number, or gone. That column is as it was.
        """
        for key, places in self._places.items():
            values = [group.get(key) for group in groups]
            if key in PACKED:
                values = [tuple(value) if isinstance(value, list) else value for value in values]
            if key in self._in_tensors or _differ(values, self._read.get(key)):
                self._fill_one(places, values)
                self._read[key] = values
                if any(map(_has_tensor, values)):
                    self._in_tensors.add(key)
        return self.table

    def _fill_one(self, places: Sequence[tuple[int, str]], values: Sequence[Any]) -> None:
        found = [self._numbers(name, values) for _, name in places]
        for (place, _), numbers in zip(places, found, strict=True):
            self.table[:, place] = numbers[self._group_of]

    def _numbers(self, name: str, values: Sequence[Any]) -> Floats:
        """Of each group that is stepped; what the others have is not read."""
        numbers = np.zeros(len(values))
        domain = domain_of(name)
        for owner in self._owners:
            value = part_of(values[owner], name)
            number = float(value) if isinstance(value, (bool, np.generic)) else value
            if number not in domain:
                raise OptimizerError(
                    f"{name}={shown(value)} in group {owner}: it must be a number, {domain}."
                )
            numbers[owner] = number
        return numbers


def part_of(value: Any, name: str) -> Any:
    """A hyperparameter as a plain number, out of its tuple or tensor; None where there is none such."""
    if name in PARTS:
        part = PARTS[name][1]
        value = value[part] if isinstance(value, (tuple, list)) and part < len(value) else None
    if isinstance(value, Tensor):
        return value.item() if value.numel() == 1 else None
    return value


def _differ(values: list[Any], read: list[Any] | None) -> bool:
    try:
        return values != read
    except RuntimeError:  # a tensor of many numbers, which is refused where it is read
        return True


def _has_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, tuple) and any(map(_has_tensor, value)))
