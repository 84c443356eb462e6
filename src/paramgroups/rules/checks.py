"""What a setting may be: a plain value of its hyperparameter's kind and domain."""

from collections.abc import Callable
from typing import Any

import numpy as np

from paramgroups.errors import RuleError, nearest, shown
from paramgroups.optim import domain_of, is_finite, is_number
from paramgroups.optim.classes import is_hashable
from paramgroups.optim.hyperparameters import DOMAINS, OPTIONAL
from paramgroups.schedules import Length
from paramgroups.schedules.lengths import period

PAIRS = ("eps",)
"""What is a number for most optimizers and a tuple for one: Adafactor's eps is (None, 1e-3)."""
DEEPEST = 8
LONGEST = 100


def checked(name: str, value: Any) -> Any:
    """A plain value of the hyperparameter `name`, as plain Python.

    Raises:
        RuleError: It is a tensor, text for a number, NaN or infinite, or out of the domain.
    """
    value = plain(name, value)
    if value is None and name in OPTIONAL:
        return None
    if name in DOMAINS and not (is_number(value) or (name in PAIRS and isinstance(value, tuple))):
        raise RuleError(f"{name}={shown(value)} is no number. {_number_hint(value)}")
    if is_number(value) and value not in domain_of(name):
        raise RuleError(f"{name}={shown(value)} is out of its domain: it must be {domain_of(name)}.")
    return float(value) if name == "lr" else value


def checked_factor(name: str, value: Any) -> float:
    """A factor for the hyperparameter `name`.

    Raises:
        RuleError: It is no finite number of at least 0.
    """
    return factor(f"{name}_scale", value)


def factor(key: str, value: Any) -> float:
    """A finite number of at least 0, given under this key.

    Raises:
        RuleError: It is none.
    """
    value = plain(key, value)
    if not is_number(value):
        raise RuleError(f"{key}={shown(value)} is no number. {_number_hint(value)}")
    if value < 0:
        raise RuleError(f"{key}={shown(value)}: a factor is at least 0.")
    return float(value)


def plain(name: str, value: Any, depth: int = 0) -> Any:
    """A value as plain Python that can be compared: numpy's scalars as numbers, lists as tuples.

    Raises:
        RuleError: It is a tensor, holds NaN or what is infinite, or cannot be compared.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if hasattr(value, "item") and hasattr(value, "shape"):
        raise RuleError(
            f"{name}={shown(value)} is a tensor, which several groups would share. Write a number; "
            "where the optimizer wants tensor rates, the scheduler makes one for each group."
        )
    if is_number(value) and not is_finite(value):
        raise RuleError(f"{name}={shown(value)} is out of its domain: it must be finite.")
    if isinstance(value, (list, tuple)) and depth < DEEPEST:
        return tuple(plain(name, part, depth + 1) for part in value)
    if isinstance(value, (list, tuple)) or not is_hashable(value):
        raise RuleError(f"{name}={shown(value)}: a setting is a number, text, a switch or a tuple of those.")
    return value


def one_of(*known: str) -> Callable[[str, Any], str]:
    """What reads an option that is one of some words."""

    def read(option: str, value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            word = value if isinstance(value, str) else ""  # an int may have more digits than Python writes
            raise RuleError(f"{option}={shown(value)} is not known. {nearest(word[:LONGEST], known)}")
        return value

    return read


def switch(meaning: str) -> Callable[[str, Any], bool]:
    """What reads a setting that is on or off, with its meaning in words."""

    def read(key: str, value: Any) -> bool:
        value = plain(key, value)
        if not isinstance(value, bool):
            raise RuleError(f"{key}={shown(value)}: {meaning}: {key}=True or {key}=False.")
        return value

    return read


def stretch(key: str, value: Any) -> Length | None:
    """A length above 0, or None where there is none.

    Raises:
        ScheduleError: It is neither.
    """
    return None if value is None else period(key, value)


def name_text(option: str, value: Any) -> str:
    """A name: text that is not blank.

    Raises:
        RuleError: It is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise RuleError(f'{option}={shown(value)}: give a name, such as {option}="head".')
    return value


def _number_hint(value: Any) -> str:
    if callable(value):
        return 'For a function of the row write per_parameter("label", fn).'
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    if number is None or not is_finite(number):
        return "Write a number, such as 0.1."
    return f"Write it without quotes: {number!r} (YAML reads 1e-4 as text; 1.0e-4 is a number)."
