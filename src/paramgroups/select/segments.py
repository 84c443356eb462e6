"""Patterns of one segment of a path: literal text, `*`, and alternatives in braces.

A pattern is matched by following the set of places that its pieces can reach in the name, so no pattern is
slow, whatever is in it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from paramgroups.select.tokens import quote

DIGITS = 18  # more of them in a row are no number of a layer
BARE = re.compile(r"\w(?:[\w-]*\w)?")


class Piece(Protocol):
    """A part of a segment's pattern."""

    @property
    def text(self) -> str:
        """The piece as it is written."""

    def ends(self, name: str, starts: set[int]) -> set[int]:
        """Where the piece can end in the name when it starts at one of `starts`."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Exactly these characters."""

    characters: str

    @property
    def text(self) -> str:
        """The characters, quoted unless they may stand bare."""
        return self.characters if BARE.fullmatch(self.characters) else quote(self.characters)

    def ends(self, name: str, starts: set[int]) -> set[int]:
        """After the characters, where they stand."""
        length = len(self.characters)
        return {start + length for start in starts if name.startswith(self.characters, start)}


@dataclass(frozen=True, slots=True)
class Star:
    """Any characters, none too."""

    text = "*"

    def ends(self, name: str, starts: set[int]) -> set[int]:
        """Anywhere from the first start on."""
        return set(range(min(starts), len(name) + 1))


@dataclass(frozen=True, slots=True)
class Span:
    """A whole number from `first` to `last`, both ends included."""

    first: int
    last: int

    @property
    def text(self) -> str:
        """The two ends."""
        return f"{self.first}..{self.last}"

    def ends(self, name: str, starts: set[int]) -> set[int]:
        """After each run of digits that is such a number."""
        return {end for start in starts for end in self._stops(name, start)}

    def _stops(self, name: str, start: int) -> Iterator[int]:
        for stop in range(start + 1, min(len(name), start + DIGITS) + 1):
            digits = name[start:stop]
            if not (digits.isascii() and digits.isdecimal()):
                return
            if self.first <= int(digits) <= self.last:
                yield stop


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several patterns, each a tuple of pieces."""

    options: tuple[tuple[Piece, ...], ...]

    @property
    def text(self) -> str:
        """The options in braces."""
        return "{" + ",".join("".join(piece.text for piece in option) for option in self.options) + "}"

    def ends(self, name: str, starts: set[int]) -> set[int]:
        """After any of the options."""
        return set().union(*(reach(option, name, starts) for option in self.options))


def reach(pieces: tuple[Piece, ...], name: str, starts: set[int]) -> set[int]:
    """All places where the pieces, one after the other, can end."""
    places = starts
    for piece in pieces:
        places = piece.ends(name, places) if places else places
    return places


@dataclass(frozen=True, slots=True)
class Segment:
    """The pattern of one segment; without pieces it is `**`, any number of segments."""

    pieces: tuple[Piece, ...]

    @property
    def deep(self) -> bool:
        """Whether it stands for any number of segments."""
        return not self.pieces

    @property
    def literal(self) -> str | None:
        """The one name that it matches, when there is only one."""
        match self.pieces:
            case (Literal(characters),):
                return characters
        return None

    @property
    def text(self) -> str:
        """The segment as it is written."""
        return "".join(piece.text for piece in self.pieces) or "**"

    def matches(self, name: str) -> bool:
        """Whether this segment's name is as the pattern says."""
        return len(name) in reach(self.pieces, name, {0})


DEEP = Segment(())
ANY = Segment((Star(),))


def literal(name: str) -> Segment:
    """The pattern that matches this name only."""
    return Segment((Literal(name),))
