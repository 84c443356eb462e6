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

    def ends(self, name: str, start: int) -> Iterator[int]:
        """Where the piece can end in the name when it starts at `start`."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Exactly these characters."""

    characters: str

    @property
    def text(self) -> str:
        """The characters, quoted unless they may stand bare."""
        return self.characters if BARE.fullmatch(self.characters) else quote(self.characters)

    def ends(self, name: str, start: int) -> Iterator[int]:
        """After the characters, if they stand there."""
        if name.startswith(self.characters, start):
            yield start + len(self.characters)


@dataclass(frozen=True, slots=True)
class Star:
    """Any characters, none too."""

    text = "*"

    def ends(self, name: str, start: int) -> Iterator[int]:
        """Anywhere from `start` on."""
        yield from range(start, len(name) + 1)


@dataclass(frozen=True, slots=True)
class Span:
    """A whole number from `first` to `last`, both ends included."""

    first: int
    last: int

    @property
    def text(self) -> str:
        """The two ends."""
        return f"{self.first}..{self.last}"

    def ends(self, name: str, start: int) -> Iterator[int]:
        """After each run of digits that is such a number."""
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

    def ends(self, name: str, start: int) -> Iterator[int]:
        """After any of the options."""
        for option in self.options:
            yield from reach(option, name, start)


def reach(pieces: tuple[Piece, ...], name: str, start: int) -> set[int]:
    """All places where the pieces, one after the other, can end."""
    places = {start}
    for piece in pieces:
        places = {end for place in places for end in piece.ends(name, place)}
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
        return len(name) in reach(self.pieces, name, 0)


DEEP = Segment(())
ANY = Segment((Star(),))


def literal(name: str) -> Segment:
    """The pattern that matches this name only."""
    return Segment((Literal(name),))
