"""What a number, a text or a length may be, said once for horizons and schedules."""

import math
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from numbers import Integral, Real

from paramgroups.errors import ScheduleError, listing, shown

MOST_TICKS = 2**53
"""The last count that a float holds exactly; factors are evaluated at float ticks."""


def whole(what: str, value: object, *, least: int) -> int:
    """A count: an int, also numpy's, of at least `least`."""
    asked = f"{what}={shown(value)}"
    if isinstance(value, float) and value.is_integer() and least <= value <= MOST_TICKS:
        raise ScheduleError(f"{asked} is a float. Write {what}={int(value)}.")
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ScheduleError(f"{asked} is a {type(value).__name__}. Write an int, such as {what}=100.")
    count = int(value)
    if not least <= count <= MOST_TICKS:
        raise ScheduleError(f"{asked} is not between {least} and 2**53. Write an int, such as {what}=100.")
    return count


def number(what: str, value: object) -> float:
    """A finite real number, as a float."""
    asked = f"{what}={shown(value)}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ScheduleError(f"{asked} is a {type(value).__name__}. Write a number, such as 0.1.")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ScheduleError(f"{asked} is not finite. Write a number, such as 0.1.")
    return found


def factor(what: str, value: object) -> float:
    """What a base value is multiplied by: a finite number of 0 or more."""
    found = number(what, value)
    if found < 0:
        raise ScheduleError(f"{what}={shown(value)} is negative. A factor is 0 or more, 1 leaves the value.")
    return found


def positive(what: str, value: object) -> float:
    """A finite number above 0."""
    found = number(what, value)
    if found <= 0:
        raise ScheduleError(f"{what}={shown(value)} is not above 0. Write a number such as 1.0.")
    return found


def text(what: str, value: object) -> str:
    """A text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ScheduleError(f'{what}={shown(value)} is no name. Write a text, such as "my curve".')
    return value


def listed(what: str, values: object, example: str) -> list[object]:
    """At least one of something, in order."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | AbstractSet | Mapping):
        raise ScheduleError(f"{what}={shown(values)} is no list. Write {example}.")
    try:
        found = list(values)
    except TypeError:  # a tensor or array of no dimensions says it is iterable, and is not
        raise ScheduleError(f"{what}={shown(values)} is no list. Write {example}.") from None
    if not found:
        raise ScheduleError(f"{what} is empty. Write {example}.")
    return found


def factors(what: str, values: object) -> tuple[float, ...]:
    """At least one factor, in order."""
    found = listed(what, values, "one factor per tick: [1.0, 0.5]")
    return tuple(factor(f"{what}[{i}]", value) for i, value in enumerate(found))


def count(what: str, value: object) -> int:
    """A whole number above 0."""
    return whole(what, value, least=1)


def flag(what: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ScheduleError(f"{what}={shown(value)} is a {type(value).__name__}. Write True or False.")
    return value


def one_of(*words: str) -> Callable[[str, object], str]:
    """The check that a setting is one of some words."""

    def check(what: str, value: object) -> str:
        if not isinstance(value, str) or value not in words:
            known = listing([f'"{word}"' for word in words])
            raise ScheduleError(f"{what}={shown(value)} is not known. Write one of {known}.")
        return value

    return check


def a_function(what: str, value: object) -> object:
    """Anything that can be called; what it returns is checked when it is."""
    if not callable(value):
        raise ScheduleError(f"{what}={shown(value)} is no function. Write one such as lambda u: 1 - u.")
    return value


def finite(found: float) -> float:
    """A product that is a number.

    Raises:
        OverflowError: It is past the largest.
    """
    if found < math.inf:
        return found
    raise OverflowError
