"""Plain data: what JSON can hold and give back exactly."""

import math
from typing import Any

from paramgroups.errors import CheckpointError, shown

DEEPEST = 8
"""Lists in lists, and dicts in dicts, of a value."""


def plain(key: str, value: Any, depth: int = 0) -> Any:
    """A copy of plain data in its one form: lists are tuples, and no number is of a subclass.

    Args:
        key: Where it stands, for the error.
        value: Switches, finite numbers, texts, None, and lists, tuples and dicts of those.
        depth: How many lists and dicts it is within.

    Raises:
        CheckpointError: It is something else.

    Example:
        >>> plain("value", [1, 0.5, {"steps": None}])
        (1, 0.5, {'steps': None})
    """
    if depth > DEEPEST:
        raise CheckpointError(f"{key} is nested more than {DEEPEST} deep. Give flatter data.")
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return finite(key, value)
        case list() | tuple():
            return tuple(plain(f"{key}[{i}]", part, depth + 1) for i, part in enumerate(value))
        case dict():
            return {text(f"a key of {key}", k): plain(f"{key}.{k}", v, depth + 1) for k, v in value.items()}
    raise CheckpointError(
        f"{key}={shown(value)} is a {type(value).__name__}, which is no plain data."
        " Give numbers, texts, switches, None, or lists and dicts of those."
    )


def jsonable(value: Any) -> Any:
    """Plain data as JSON gives it back, its tuples as lists."""
    match value:
        case tuple():
            return [jsonable(part) for part in value]
        case dict():
            return {key: jsonable(part) for key, part in value.items()}
    return value


def finite(key: str, value: Any) -> int | float:
    """A finite number, which is no switch.

    Raises:
        CheckpointError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CheckpointError(
            f"{key}={shown(value)} is a {type(value).__name__}. Give a number, such as 0.5."
        )
    if not _is_finite(value):
        raise CheckpointError(f"{key}={shown(value)} is not finite. Give a number, such as 0.5.")
    return int(value) if isinstance(value, int) else float(value)


def tick(key: str, value: Any) -> float:
    """A tick of training: a finite number of at least 0.

    Raises:
        CheckpointError: It is none.
    """
    found = float(finite(key, value))
    if found < 0:
        raise CheckpointError(f"{key}={shown(value)} is negative. Give a tick: the first is 0.")
    return found


def text(key: str, value: Any) -> str:
    """A text that is not empty.

    Raises:
        CheckpointError: It is none.
    """
    if not isinstance(value, str) or not value:
        raise CheckpointError(f'{key}={shown(value)} is no text. Give one, such as "lr".')
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False
