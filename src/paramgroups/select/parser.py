"""The text form of selectors, read.

either   = without ("|" without)*
without  = both (" - " both)*
both     = operand ("&" operand)*
operand  = "~" operand | compound
compound = (path | "/" regex "/" | "(" either ")" | ":" role | "@" type | "[" ... "]")+
"""

import re
from collections.abc import Callable
from reprlib import repr as shown

from paramgroups.errors import SelectorError, nearest
from paramgroups.indexing.roles import ROLES
from paramgroups.select.brackets import read_bracket
from paramgroups.select.nodes import Node, Regex, Role, Type, compiled
from paramgroups.select.operators import DEEPEST, all_but, both, either, without
from paramgroups.select.pathtext import MINUS, PIECES, read_path
from paramgroups.select.tokens import Cursor, unquote

LEVELS: tuple[tuple[str, Callable[..., Node]], ...] = (("|", either), ("minus", without), ("&", both))
NAMES = (*PIECES, "regex", "(")
SECOND = 'Here a second name stands beside the first; write " | " for either, " & " for both.'
EXPECTED = 'Here a selector is expected, such as "encoder.layer.3", ":bias", "@Linear" or "[depth>=6]".'
MISSING = {
    "dots": 'A path begins with a segment; for any number of segments write "**.weight".',
    "minus": "Here minus has nothing before it; quote a name that begins with it.",
}
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
FILTERS = ("role", "type", "bracket")


def read(text: str) -> Node:
    """The tree of a selector's text.

    Raises:
        SelectorError: The text is no selector; a caret stands under the place.
    """
    cursor = Cursor(written("A selector", text))
    node = read_level(cursor, 0, 0)
    if not cursor.sees("end"):
        cursor.fail('Here an operator (" | ", " & ", " - ") or the end is expected.')
    return node


def read_level(cursor: Cursor, level: int, depth: int) -> Node:
    """Operands joined by the operator of this level, those of the tighter ones within."""
    if level == len(LEVELS):
        return read_operand(cursor, depth)
    sign, join = LEVELS[level]
    parts = [read_level(cursor, level + 1, depth)]
    while cursor.sees(sign):
        cursor.take()
        parts.append(read_level(cursor, level + 1, depth))
    return joined(cursor, join, parts)


def read_operand(cursor: Cursor, depth: int) -> Node:
    """A compound, or the complement of one."""
    if depth > DEEPEST:
        cursor.fail(f"This is nested more than {DEEPEST} deep. Split the rule.")
    if not cursor.sees("~"):
        return read_compound(cursor, depth)
    start = cursor.take().start
    part = read_operand(cursor, depth + 1)
    with cursor.pointing(start):
        return all_but(part)


def read_compound(cursor: Cursor, depth: int) -> Node:
    """Simple selectors side by side, which all must hold."""
    parts: list[Node] = []
    named = False
    while cursor.sees(*NAMES, *FILTERS):
        if named and cursor.sees(*NAMES):
            cursor.fail(MINUS if cursor.token.text[0] == "-" else SECOND)
        named = named or cursor.sees(*NAMES)
        parts.append(read_simple(cursor, depth))
    if not parts:
        cursor.fail(MISSING.get(cursor.token.kind, EXPECTED))
    return joined(cursor, both, parts)


def joined(cursor: Cursor, join: Callable[..., Node], parts: list[Node]) -> Node:
    """The parts joined, if there are several."""
    with cursor.pointing(cursor.token.start):
        return join(*parts) if len(parts) > 1 else parts[0]


def read_simple(cursor: Cursor, depth: int) -> Node:
    """A path, or what its first sign tells it to be."""
    if cursor.sees(*PIECES):
        return read_path(cursor)
    token = cursor.take()
    if token.kind == "bracket":
        return read_bracket(cursor, token)
    if token.text == "(":
        return read_group(cursor, depth)
    with cursor.pointing(token.start):
        return SIMPLE[token.kind](token.text)


def read_group(cursor: Cursor, depth: int) -> Node:
    """What stands in parentheses."""
    start = cursor.token.start - 1
    node = read_level(cursor, 0, depth + 1)
    if not cursor.sees(")"):
        cursor.fail(
            "This parenthesis is never closed, or the operator before what follows is missing.", start
        )
    cursor.take()
    return node


def written(what: str, text: object) -> str:
    """The text, if it is text."""
    if not isinstance(text, str):
        raise SelectorError(f"{what} is text; found {shown(text)}.")
    return text


def role_of(name: str) -> Role:
    """The role of this name."""
    if written("A role", name) not in ROLES:
        raise SelectorError(f'":{name}" is no role. {nearest(name, ROLES)}')
    return Role(name)


def regex_of(pattern: str) -> Regex:
    r"""The regular expression, with each `\/` as a plain slash."""
    text = written("A regular expression", pattern)
    plain = ESCAPED.sub(lambda pair: "/" if pair[1] == "/" else pair[0], text)
    try:
        compiled(plain)
    except (re.error, RecursionError, OverflowError, ValueError) as error:
        raise SelectorError(f"This is no regular expression: {error}.") from error
    return Regex(plain)


def read_type(text: str) -> Type:
    """The module type of `@LayerNorm`."""
    return Type(unquote(text[1:]) if text[1] in "\"'" else text[1:])


SIMPLE: dict[str, Callable[[str], Node]] = {
    "role": lambda text: role_of(text[1:]),
    "regex": lambda text: regex_of(text[1:-1]),
    "type": read_type,
}
