"""Whether anybody else has written what we wrote: asked at every tick, so it must cost next to nothing."""

from collections.abc import Sequence
from typing import Any

from paramgroups.optim import is_number
from paramgroups.run.lanes import Cell, Held

AT_ONCE = 4
"""So many hyperparameters are looked at in one walk over the groups: the walk costs more than the look."""


class Watch:
    """Looks whether the numbers in an optimizer's groups are the very objects that were left there.

    Args:
        left: What was left, by hyperparameter, for every group.
        cells: The tensors among them.

    Attributes:
        keys: The hyperparameters that are numbers in all groups. Switches are not looked at.
    """

    def __init__(self, left: dict[str, list[Any]], cells: Sequence[Cell]) -> None:
        self.keys = [key for key, values in left.items() if all(map(_is_number, values))]
        fours = [self.keys[start : start + AT_ONCE] for start in range(0, len(self.keys), AT_ONCE)]
        self._fours = [[*four, *[four[-1]] * (AT_ONCE - len(four))] for four in fours]
        self._left = left
        self._cells = cells

    def untouched(self, held: Held) -> bool:
        """Whether all is as it was left; equal values of others count as touched."""
        try:
            numbers = all(_same(held, four, [self._left[key] for key in four]) for four in self._fours)
        except KeyError:
            return False
        return numbers and all(cell.untouched for cell in self._cells)


def _same(held: Held, keys: Sequence[str], left: Sequence[Sequence[Any]]) -> bool:
    a, b, c, d = keys
    for group, at_a, at_b, at_c, at_d in zip(held, *left, strict=True):
        if group[a] is not at_a or group[b] is not at_b or group[c] is not at_c or group[d] is not at_d:
            return False
    return True


def _is_number(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return all(is_number(part) or hasattr(part, "dtype") for part in parts)
