"""Tracks that look the same: one colour, one line of a legend, one lane."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from math import isnan
from typing import NamedTuple, TypeVar

from paramgroups.reporting.tracks import Track

LONGEST = 40
T = TypeVar("T")


class Family(NamedTuple):
    """Tracks that look the same.

    Attributes:
        tracks: One at least, in the model's order.
    """

    tracks: tuple[Track, ...]

    @property
    def title(self) -> str:
        """The first group's name, and how many others."""
        name, others = self.tracks[0].name, len(self.tracks) - 1
        short = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
        return f"{short} and {others:,} more" if others else short

    @property
    def label(self) -> str:
        """Its title, and how many tensors it has in all."""
        tensors = sum(track.tensors for track in self.tracks)
        return f"{self.title} · {tensors:,} tensor{'s' * (tensors != 1)}"

    @property
    def highest(self) -> float:
        """The largest value."""
        return max(value for value in self.tracks[0].values if not isnan(value))


def families_of(tracks: Iterable[Track], look: Callable[[Track], Hashable]) -> list[Family]:
    """Those that look the same together, in the order of their firsts."""
    found: dict[Hashable, list[Track]] = {}
    for track in tracks:
        found.setdefault(look(track), []).append(track)
    return [Family(tuple(members)) for members in found.values()]


def some(items: Sequence[T], most: int) -> list[T]:
    """At most so many of them, evenly from the first to the last.

    >>> some("abcdefg", 3), some("ab", 3)
    (['a', 'd', 'g'], ['a', 'b'])
    """
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]
