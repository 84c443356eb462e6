"""Conditions on an attribute of a parameter, or on a statistic of its values."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from numbers import Integral, Real
from reprlib import repr as shown
from typing import Any

import numpy as np

from paramgroups.errors import SelectorError, listing, nearest
from paramgroups.select.nodes import Leaf, Scope, passing
from paramgroups.select.selection import Mask
from paramgroups.select.tokens import quote

Value = bool | int | float | str

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
EQUALITY = ("==", "!=")
NUMBERS = ("depth", "levels", "ndim", "numel", "fan_in", "fan_out")
FLAGS = ("trainable",)
TEXTS = ("tower", "dtype", "role", "module_type")
STATISTICS = ("rms", "mean", "std", "absmax", "norm")
ATTRIBUTES = (*NUMBERS, *FLAGS, *TEXTS)
BARE = re.compile(r"[\w.-]+")  # text that needs no quotes in a condition
LARGEST = 10**18  # whole numbers stay below it: they fit 64 bits, and their text is short


@dataclass(frozen=True)
class Attribute(Leaf):
    """`[depth>=6]`: an attribute of the row."""

    name: str
    sign: str
    value: Value

    @property
    def text(self) -> str:
        """The condition in brackets."""
        return condition_text(self.name, self.sign, self.value)

    def mask(self, scope: Scope) -> Mask:
        """The parameters of which it is true."""
        compare = SIGNS[self.sign]
        return passing(scope.index, self.name, lambda found: compare(found, self.value))


@dataclass(frozen=True)
class Statistic(Leaf):
    """`[rms>0.5]`: a statistic of the values, as it was when it was pinned."""

    name: str
    sign: str
    value: int | float

    @property
    def text(self) -> str:
        """The condition in brackets."""
        return condition_text(self.name, self.sign, self.value)

    @property
    def statistics(self) -> frozenset[str]:
        """This one."""
        return frozenset({self.name})

    def mask(self, scope: Scope) -> Mask:
        """The parameters of whose pinned value it is true; NaN is like no number."""
        values = self._pinned(scope)
        holds: Mask = SIGNS[self.sign](values, self.value) & ~np.isnan(values)
        return holds

    def _pinned(self, scope: Scope) -> np.ndarray[Any, np.dtype[np.float64]]:
        known = scope.pins.get(self.name, {})
        if missing := [row.name for row in scope.index if row.name not in known]:
            raise SelectorError(
                f"{self.text} needs the values of the parameters: no {self.name} is known of"
                f" {listing(missing)}. A model on the meta device has no values; plan the real one,"
                " or give a plan that has pinned them."
            )
        return np.array([known[row.name] for row in scope.index], dtype=np.float64)


def condition(name: str, sign: str, value: object) -> Leaf:
    """The condition that compares an attribute or a statistic with a value.

    Raises:
        SelectorError: The name, the sign or the value does not fit.
    """
    check(name, sign)
    if name in FLAGS:
        return Attribute(name, sign, flag(name, value))
    if name in TEXTS:
        return Attribute(name, sign, words(name, value))
    kind = Statistic if name in STATISTICS else Attribute
    return kind(name, sign, number(name, value))


def check(name: str, sign: str) -> None:
    """Refuse an attribute that does not exist, or a sign that does not fit it."""
    if name not in (*ATTRIBUTES, *STATISTICS):
        raise SelectorError(f'"{name}" is no attribute. {nearest(name, (*ATTRIBUTES, *STATISTICS))}')
    allowed = EQUALITY if name in (*FLAGS, *TEXTS) else tuple(SIGNS)
    if sign not in allowed:
        raise SelectorError(f'"{name}" is compared by {", ".join(allowed)}; found "{sign}".')


def flag(name: str, value: object) -> bool:
    """The value, if it is true or false."""
    if not isinstance(value, bool):
        raise SelectorError(f'"{name}" is compared with true or false: "[{name}==true]".')
    return value


def words(name: str, value: object) -> str:
    """The value, if it is text."""
    if not isinstance(value, str):
        raise SelectorError(f'"{name}" is compared with text: "[{name}==word]"; found {shown(value)}.')
    return value


def number(name: str, value: object) -> int | float:
    """The value, if it is a finite number."""
    match value:
        case bool():
            pass
        case Integral() if -LARGEST < int(value) < LARGEST:
            return int(value)
        case Integral():
            raise SelectorError(f'"{name}" is compared with whole numbers below {LARGEST:,}.')
        case Real() if isfinite(value):
            return float(value)
    raise SelectorError(f'"{name}" is compared with a finite number: "[{name}>=1]"; found {shown(value)}.')


def condition_text(name: str, sign: str, value: Value) -> str:
    """A condition in brackets, as the parser reads it."""
    return f"[{name}{sign}{value_text(value)}]"


def value_text(value: Value) -> str:
    """A value as it is written in a condition."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if BARE.fullmatch(value) else quote(value)
    return repr(value)
