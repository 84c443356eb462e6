"""The text form of a path, read."""

import re

from paramgroups.select.nodes import Path
from paramgroups.select.segments import DEEP, DIGITS, Choice, Literal, Piece, Segment, Span, Star
from paramgroups.select.tokens import Cursor, Token, unquote

PLAIN = ("word", "quoted", "stars")
PIECES = (*PLAIN, "{")
MINUS = 'Minus stands between spaces: "a - b"; quote a name that begins or ends with "-".'
NUMBER = re.compile(rf"\d{{1,{DIGITS}}}", re.ASCII)


def read_path(cursor: Cursor) -> Path:
    """Segments with dots between them."""
    segments = [read_segment(cursor)]
    while cursor.sees("dots") and cursor.touches():
        if cursor.take().text != "." or not cursor.touches():
            cursor.fail('Here a segment is missing; for any number of segments write "**".')
        segments.append(read_segment(cursor))
    return Path(tuple(segments))


def read_segment(cursor: Cursor) -> Segment:
    """The pieces that stand without a space or a dot between them."""
    first = cursor.token
    if first.text == "**":
        cursor.take()
        if cursor.touches() and cursor.sees(*PIECES):
            cursor.fail('"**" is a segment of its own: "**.weight".')
        return DEEP
    pieces = read_pieces(cursor, PIECES)
    if not pieces:
        cursor.fail('Here a segment of a name is expected, such as "encoder" or "*".')
    return Segment(pieces)


def read_pieces(cursor: Cursor, kinds: tuple[str, ...]) -> tuple[Piece, ...]:
    """Pieces of these kinds that stand without a space between them."""
    first = last = cursor.token
    pieces: list[Piece] = []
    while cursor.sees(*kinds) and (not pieces or cursor.touches()):
        last = cursor.token
        append(pieces, read_piece(cursor))
    dangling = (first.kind == "word" and first.text[0] == "-") or (
        last.kind == "word" and last.text[-1] == "-"
    )
    if pieces and dangling:
        cursor.fail(MINUS, first.start)
    return tuple(pieces)


def append(pieces: list[Piece], piece: Piece) -> None:
    """Add a piece; literal text next to literal text is one."""
    if pieces and isinstance(piece, Literal) and isinstance(last := pieces[-1], Literal):
        pieces[-1] = Literal(last.characters + piece.characters)
    else:
        pieces.append(piece)


def read_piece(cursor: Cursor) -> Piece:
    """One piece of a segment."""
    token = cursor.take()
    if token.kind == "word":
        return Literal(token.text)
    if token.kind == "quoted":
        if "." in token.text:
            cursor.fail("No segment of a name has a dot in it: set the dots outside the quotes.", token.start)
        return Literal(unquote(token.text))
    if token.text == "{":
        return read_choice(cursor)
    if token.text != "*":
        cursor.fail(
            '"*" is any text within a segment, "**" as a segment of its own any number of them.', token.start
        )
    return Star()


def read_choice(cursor: Cursor) -> Choice:
    """The options up to the closing brace."""
    options = [read_option(cursor)]
    while cursor.sees(","):
        cursor.take()
        options.append(read_option(cursor))
    if not cursor.sees("}"):
        cursor.fail('Alternatives are written "{q,k}" or "{0..5}"; here "," or "}" is missing.')
    cursor.take()
    return Choice(tuple(options))


def read_option(cursor: Cursor) -> tuple[Piece, ...]:
    """One alternative: pieces, or a range of numbers."""
    start = cursor.token
    pieces = read_pieces(cursor, PLAIN)
    if cursor.sees("dots") and pieces == (Literal(start.text),):
        return (read_span(cursor, start),)
    if not pieces:
        cursor.fail('Here an alternative is missing; for none write two quotes: {"",s}.')
    return pieces


def read_span(cursor: Cursor, start: Token) -> Span:
    """A range, of which the first number has been read."""
    dots, stop = cursor.take(), cursor.take()
    if dots.text != ".." or not (NUMBER.fullmatch(start.text) and NUMBER.fullmatch(stop.text)):
        cursor.fail('A range is of two whole numbers: "{0..5}".', start.start)
    if int(start.text) > int(stop.text):
        cursor.fail(f'A range goes upward: "{{{stop.text}..{start.text}}}".', start.start)
    return Span(int(start.text), int(stop.text))
