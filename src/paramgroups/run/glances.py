"""Whether anybody else has written what we wrote: asked at every tick, so it must cost next to nothing."""

from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest
from operator import is_not, itemgetter
from typing import Any, NamedTuple

from paramgroups.optim import is_number
from paramgroups.run.lanes import Cell, Held, Left

AT_ONCE = 3


class Walk(NamedTuple):
    """A walk over the groups, which costs more than a look into one of them: so it looks at several things.

    Attributes:
        own: A hyperparameter of which each group was left an object of its own.
        shared: Three of which all groups were left one and the same object, or none.
    """

    own: str
    shared: Sequence[tuple[str, Any]]

    def untouched(self, held: Held, left: Left) -> bool:
        """Whether the very objects that were left are there."""
        if not self.shared:
            return not any(map(is_not, map(itemgetter(self.own), held), left[self.own]))
        own, ((a, at_a), (b, at_b), (c, at_c)) = self
        for group, at_own in zip(held, left[own], strict=True):
            if (
                group[own] is not at_own
                or group[a] is not at_a
                or group[b] is not at_b
                or group[c] is not at_c
            ):
                return False
        return True


class Glance:
    """Looks whether the numbers in an optimizer's groups are the very objects that were left there.

    Args:
        left: What was left, by hyperparameter, for every group.
        moving: The hyperparameters of which other objects are left at every tick.
        cells: The tensors among them.

    Attributes:
        keys: The hyperparameters that are numbers in some groups. Switches are not looked at.
    """

    def __init__(self, left: Left, moving: Collection[str], cells: Sequence[Cell]) -> None:
        held = {
            key: [place for place, value in enumerate(values) if is_watched(value)]
            for key, values in left.items()
        }
        everywhere = [key for key, places in held.items() if len(places) == len(left[key])]
        self._somewhere = [(key, places) for key, places in held.items() if places and key not in everywhere]
        self.keys = [*everywhere, *(key for key, _ in self._somewhere)]
        self._left = left
        self._cells = cells
        still = [key for key in everywhere if key not in moving and _is_one(left[key])]
        own = [key for key in everywhere if key not in still]
        self._walks = list(_walks(own, [(key, left[key][0]) for key in still]))

    def untouched(self, held: Held) -> bool:
        """Whether all is as it was left; equal values of others count as touched."""
        try:
            numbers = all(walk.untouched(held, self._left) for walk in self._walks)
        except KeyError:
            return False
        return numbers and all(cell.untouched for cell in self._cells) and self._untouched_somewhere(held)

    def _untouched_somewhere(self, held: Held) -> bool:
        left = self._left
        return all(
            held[place].get(key) is left[key][place] for key, places in self._somewhere for place in places
        )


def _walks(own: Sequence[str], shared: Sequence[tuple[str, Any]]) -> Iterator[Walk]:
    starts = range(0, len(shared), AT_ONCE)
    threes = [[*shared[start : start + AT_ONCE], *[shared[-1]] * AT_ONCE][:AT_ONCE] for start in starts]
    for key, three in zip_longest(own, threes):
        yield Walk(key or shared[0][0], three or [])


def _is_one(values: Sequence[Any]) -> bool:
    return all(value is values[0] for value in values)


def is_watched(value: Any) -> bool:
    """Whether a value is a number, or several, which others may write."""
    parts = value if isinstance(value, tuple) else (value,)
    return all(is_number(part) or hasattr(part, "dtype") for part in parts)
