"""A selector's text cut into tokens, and errors that point at the place."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

from paramgroups.errors import SelectorError

QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""

# The first kind that fits is taken, so the longer form stands first.
KINDS = {
    "space": r"\s+",
    "minus": r"(?<!\S)-(?!\S)",
    "regex": r"/(?:[^/\\]|\\.)*/",
    "quoted": QUOTED,
    "bracket": rf"\[(?:[^\[\]\"']|{QUOTED})*\]",
    "role": r":[\w-]+",
    "type": rf"@(?:\w+|{QUOTED})",
    "dots": r"\.+",
    "stars": r"\*+",
    "word": r"[\w-]+",
    "sign": r"[~&|(){},]",
}
TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in KINDS.items()), re.DOTALL)

UNKNOWN = {
    '"': "This quote is never closed.",
    "'": "This quote is never closed.",
    "[": 'This bracket is never closed; write "[depth>=6]" or "[0:100]".',
    "]": "No bracket is open here.",
    "/": "This regular expression is never closed; it stands between two slashes.",
    ":": 'A role is one word: ":bias".',
    "@": 'A module type is one word: "@LayerNorm".',
}
WINDOW = 70  # characters of a long text that an error shows on either side


class Token(NamedTuple):
    """A piece of the text: its kind, its characters, and where it starts."""

    kind: str
    text: str
    start: int

    @property
    def stop(self) -> int:
        """Where the next token may start."""
        return self.start + len(self.text)


def fail(text: str, at: int, message: str) -> NoReturn:
    """Raise a `SelectorError` with the text and a caret under the place."""
    start, stop = max(0, at - WINDOW), at + WINDOW
    before, after = "…" * (start > 0), "…" * (stop < len(text))
    caret = " " * (at - start + len(before)) + "^"
    raise SelectorError(f"{message}\n  {before}{visible(text[start:stop])}{after}\n  {caret}")


def visible(text: str) -> str:
    """The text with one sign for each character, so that a caret below it stands right."""
    return "".join(
        " " if sign.isspace() else sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for sign in text
    )


def tokenize(text: str) -> Iterator[Token]:
    """The tokens of a selector, spaces left out, and an empty one of kind "end"."""
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            fail(
                text,
                at,
                UNKNOWN.get(text[at], "This sign has no meaning here; quote a segment that holds it."),
            )
        if (kind := str(match.lastgroup)) != "space":
            yield Token(kind, match.group(), at)
        at = match.end()
    yield Token("end", "", len(text))


def unquote(quoted: str) -> str:
    """The characters between the quotes, a backslash taken from before any of them."""
    return re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL)


def quote(text: str) -> str:
    """The text in double quotes."""
    return '"' + re.sub(r'([\\"])', r"\\\1", text) + '"'


class Cursor:
    """The tokens of a text, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = list(tokenize(text))
        self._at = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self._at]

    def sees(self, *wanted: str) -> bool:
        """Whether the next token is of one of these kinds, or is one of these signs."""
        return self.token.kind in wanted or (self.token.kind == "sign" and self.token.text in wanted)

    def take(self) -> Token:
        """The next token, passed."""
        token = self.token
        self._at += token.kind != "end"
        return token

    def touches(self) -> bool:
        """Whether the next token follows the last without a space."""
        return self._at > 0 and self._tokens[self._at - 1].stop == self.token.start

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        """Raise a `SelectorError` with a caret under `at`, or under the next token."""
        fail(self.text, self.token.start if at is None else at, message)

    @contextmanager
    def pointing(self, at: int) -> Iterator[None]:
        """Give errors that are raised within a caret under `at`."""
        try:
            yield
        except SelectorError as error:
            message = str(error)
        else:
            return
        self.fail(message, at)
