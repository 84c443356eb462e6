"""What stands in brackets, read: rows, or a condition."""

import re

from paramgroups.errors import SelectorError
from paramgroups.select.conditions import BARE, FLAGS, LARGEST, TEXTS, check, condition
from paramgroups.select.nodes import Node, Rows
from paramgroups.select.tokens import QUOTED, Cursor, Token, unquote

CONDITION = re.compile(r"\s*([^\W\d]\w*)\s*([=!<>]=|[<>])")
SIGNED = re.compile(r"\s*([=!<>]=|[<>])(.*)", re.DOTALL)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
QUOTED_TEXT = re.compile(QUOTED, re.DOTALL)
FLAG = {"true": True, "false": False}


def read_bracket(cursor: Cursor, token: Token) -> Node:
    """The rows or the condition of a bracket."""
    inside, start = token.text[1:-1], token.start + 1
    if match := CONDITION.match(inside):
        name, sign = match.groups()
        with cursor.pointing(start + match.start(1)):
            check(name, sign)
        with cursor.pointing(start + match.end()):
            return condition(name, sign, read_value(name, inside[match.end() :]))
    with cursor.pointing(start):
        return read_rows(inside)


def read_value(name: str, text: str) -> object:
    """What the text means as a value of the attribute of this name; the text itself if nothing."""
    text = text.strip()
    if name in FLAGS:
        return FLAG.get(text, text)
    if name in TEXTS:
        return read_words(name, text)
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if NUMBER.fullmatch(text) else text


def read_words(name: str, text: str) -> str:
    """A word, or what stands between quotes."""
    if QUOTED_TEXT.fullmatch(text):
        return unquote(text)
    if not BARE.fullmatch(text):
        raise SelectorError(f'"{name}" is compared with a word, or with text in quotes: \'[{name}=="a b"]\'.')
    return text


def read_condition(name: str, text: str) -> Node:
    """The condition of an attribute and a text such as `>=6`, or a value alone, which it should equal."""
    if match := SIGNED.fullmatch(text):
        sign, rest = match.groups()
        check(name, sign)
        return condition(name, sign, read_value(name, rest))
    return condition(name, "==", text if name in TEXTS else read_value(name, text))


def read_rows(text: str) -> Rows:
    """The rows of a text such as `32000:`."""
    ends = text.split(":")
    if len(ends) == 1 and WHOLE.fullmatch(text.strip()):
        row = int(text)
        raise SelectorError(f'For one row write "[{row}:{row + 1 or ""}]".')
    if len(ends) == 3:  # noqa: PLR2004  # start, stop, step
        raise SelectorError('Rows have no step: write "[start:stop]".')
    if len(ends) != 2:  # noqa: PLR2004  # start, stop
        raise SelectorError(
            'Brackets hold a condition ("[depth==6]", "[dtype==float32]") or rows ("[0:100]").'
        )
    return Rows(*(read_end(end.strip()) for end in ends))


def read_end(text: str) -> int | None:
    """A whole number, or None where nothing is written."""
    if text and not WHOLE.fullmatch(text):
        raise SelectorError(f'Rows are whole numbers below {LARGEST:,}: "[0:100]".')
    return int(text) if text else None
