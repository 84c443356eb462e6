"""The cascade of one hyperparameter: links read top to bottom, each within its window."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from paramgroups.indexing import Row
from paramgroups.rules import RowValue

Piece = tuple[float, Any]


class Link(NamedTuple):
    """One voice in the cascade.

    Attributes:
        value: The value that it sets, or the factor.
        scales: Whether it multiplies what stands.
        origin: Who says so: the recipe, a rule, the optimizer's default.
        start: First tick at which it acts.
        until: First tick at which it acts no more.
        source: The function of the row that the value came from, if one did.
        rule: The number of its rule, from 1; 0 for what no rule says.
    """

    value: Any
    scales: bool
    origin: str
    start: float = 0
    until: float = math.inf
    source: RowValue | None = None
    rule: int = 0

    def cause(self, row: Row) -> str:
        """Its origin in words, with what of the row it depends on."""
        if self.source is None:
            return self.origin
        return f"{self.origin}, {self.source.label} at {self.source.where(row)}"


@dataclass(frozen=True)
class Cascade:
    """All links of one hyperparameter for one profile, in the order in which they are said."""

    links: tuple[Link, ...]

    def acting(self, tick: float) -> tuple[Link, ...]:
        """The links that make the value at a tick: the last that sets, and those that scale after it."""
        present = [link for link in self.links if link.start <= tick < link.until]
        sets = [number for number, link in enumerate(present) if not link.scales]
        return tuple(present[sets[-1] if sets else 0 :])

    def at(self, tick: float) -> Any:
        """The value at a tick, schedule left out."""
        value = None
        for link in self.links:
            if link.start <= tick < link.until:
                value = value * link.value if link.scales else link.value
        return value

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The value over time: from which tick on it is what."""
        edges = {0.0} | {link.start for link in self.links} | {link.until for link in self.links}
        return merged((edge, self.at(edge)) for edge in sorted(edges) if 0 <= edge < math.inf)

    def then(self, link: Link) -> "Cascade":
        """This chain with one more voice, which is heard last."""
        made = Cascade((*self.links, link))
        # Found from the pieces before, since thousands of edits may follow one another.
        vars(made)["pieces"] = _with(self.pieces, link)
        return made


def merged(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Pieces without those that go on with the same value."""
    kept: list[Piece] = []
    for start, value in pieces:
        if not kept or kept[-1][1] != value:
            kept.append((start, value))
    return tuple(kept)


def _with(pieces: tuple[Piece, ...], link: Link) -> tuple[Piece, ...]:
    """Pieces cut where a voice begins and ends, and changed in between."""
    before, rest = parted(cut(pieces, link.start), link.start)
    within, after = parted(rest if link.until == math.inf else cut(rest, link.until), link.until)
    changed = ((start, value * link.value if link.scales else link.value) for start, value in within)
    return before[:-1] + merged((*before[-1:], *changed, *after))


def cut(pieces: tuple[Piece, ...], tick: float) -> tuple[Piece, ...]:
    """Pieces of which one begins at a tick, though it goes on with the same value."""
    before, after = parted(pieces, tick)
    return pieces if after and after[0][0] == tick else (*before, (tick, at(pieces, tick)), *after)


def parted(pieces: tuple[Piece, ...], tick: float) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """The pieces that begin before a tick, and the others."""
    place = bisect_left(pieces, tick, key=itemgetter(0))
    return pieces[:place], pieces[place:]


def at(pieces: tuple[Piece, ...], tick: float) -> Any:
    """The value of the piece that a tick lies in; before the first that of the first."""
    return pieces[max(_begun(pieces, tick) - 1, 0)][1]


def span(pieces: tuple[Piece, ...], tick: float) -> tuple[float, float]:
    """From where to before where the piece goes that a tick lies in."""
    begun = _begun(pieces, tick)
    start = pieces[begun - 1][0] if begun else -math.inf
    return start, pieces[begun][0] if begun < len(pieces) else math.inf


def _begun(pieces: tuple[Piece, ...], tick: float) -> int:
    return bisect_right(pieces, tick, key=itemgetter(0))
