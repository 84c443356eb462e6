"""Plain data as TOML: short values in line, rules as tables of their own."""

import json
import re
from typing import Any

from paramgroups.errors import RuleError, shown

NONE = {"use": "none"}
"""TOML has no word for None, and torch has: `foreach=None` lets it choose."""

TABLES = ("rules", "controllers")
"""Lists of tables, each written under a heading of its own."""

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def dump(data: dict[str, Any]) -> str:
    """A dict as TOML; each dict in a list under "rules" or "controllers" becomes a table of its own.

    Raises:
        RuleError: A value is of a kind that TOML has not, such as a class.
    """
    plain = {key: value for key, value in data.items() if key not in TABLES}
    tables = (f"[[{key}]]\n{_lines(table)}" for key in TABLES for table in data.get(key, []))
    return "\n\n".join([_lines(plain), *tables]) + "\n"


def _lines(table: dict[str, Any]) -> str:
    return "\n".join(f"{_key(key)} = {_value(value, key)}" for key, value in table.items())


def _key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else _text(key)


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RuleError(f"{value!a} holds half of a character, which no file can. Write it whole.") from None
    # JSON escapes what TOML does, but for the delete character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any, where: str) -> str:
    match NONE if value is None else value:
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case int() | float():
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(_value(item, where) for item in value)}]"
        case dict() as table:
            pairs = (f"{_key(key)} = {_value(item, where)}" for key, item in table.items())
            return f"{{ {', '.join(pairs)} }}" if table else "{}"
    raise RuleError(f"{where}={shown(value)} is no data: a file holds numbers, text, switches and lists.")
