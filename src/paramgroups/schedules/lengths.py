"""A length as users write it: ticks, a share of the horizon, epochs or steps."""

import re
from fractions import Fraction
from typing import Literal, NamedTuple, cast

from paramgroups.errors import ScheduleError, shown
from paramgroups.schedules.checks import MOST_TICKS, factor, listed, whole

Length = int | str
Unit = Literal["tick", "%", "epoch", "step"]

FORMS = 'Write an int (ticks), "10%" (of the horizon), "3 epochs" or "500 steps".'
# Fifteen digits bound the work, and hold every count up to a quadrillion.
_TEXT = re.compile(r"\s*(\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})\s*(%|epochs?|steps?)\s*", re.ASCII)
_WHOLE_SHARE = 100


class Amount(NamedTuple):
    """A length that was read: how many of which unit, exactly."""

    number: Fraction
    unit: Unit


def read_length(what: str, value: object) -> Amount:
    """The amount that a length names.

    Args:
        what: What the length is for, as the error names it: `"until"`.
        value: A count of ticks, or a text such as `"10%"`, `"0.5 epochs"`, `"500 steps"`.

    Raises:
        ScheduleError: It is no length.

    Example:
        >>> read_length("until", "10%")
        Amount(number=Fraction(10, 1), unit='%')
    """
    if isinstance(value, str):
        return _read_text(what, value)
    if isinstance(value, float):
        raise ScheduleError(
            f"{what}={float(value)} is a bare float: a share or a count? {_share(value)}{FORMS}"
        )
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ScheduleError(f"{what}={shown(value)} is no length. {FORMS}")
    return Amount(Fraction(whole(what, value, least=0)), "tick")


def _read_text(what: str, value: str) -> Amount:
    found = _TEXT.fullmatch(value)
    if found is None:
        raise ScheduleError(f"{what}={shown(value)} is no length. {FORMS}")
    number, unit = Fraction(found[1]), cast("Unit", found[2].rstrip("s"))
    if unit == "%" and number > _WHOLE_SHARE:
        raise ScheduleError(f"{what}={value!r} is more than all of training. Write at most 100%.")
    if unit == "step" and number.denominator != 1:
        raise ScheduleError(f"{what}={value!r} is no whole number of steps. {FORMS}")
    if number > MOST_TICKS:
        raise ScheduleError(f"{what}={value!r} is more than 2**53. {FORMS}")
    return Amount(number, unit)


def _share(value: float) -> str:
    if 0 <= value <= 1:
        return f'"{100 * value:.6g}%" is that share. '
    return ""


def length(what: str, value: object) -> Length:
    """A length in a form that pastes back, checked but not resolved."""
    amount = read_length(what, value)
    return value if isinstance(value, str) else int(amount.number)


def period(what: str, value: object) -> Length:
    """A length above 0."""
    if not read_length(what, value).number:
        raise ScheduleError(f"{what}={shown(value)} is 0. {FORMS}")
    return length(what, value)


def periods(what: str, values: object) -> tuple[Length, ...]:
    """At least one length above 0."""
    found = listed(what, values, 'the ticks: [30, "60%"]')
    return tuple(period(f"{what}[{i}]", value) for i, value in enumerate(found))


def points(what: str, values: object) -> tuple[tuple[Length, float], ...]:
    """At least one pair of a length and a factor."""
    example = 'pairs of a tick and a factor: [(0, 0.1), ("50%", 1.0)]'
    found = listed(what, values, example)
    return tuple(_point(f"{what}[{i}]", value, example) for i, value in enumerate(found))


def _point(what: str, value: object, example: str) -> tuple[Length, float]:
    pair = listed(what, value, example)
    if len(pair) != 2:  # noqa: PLR2004 - a pair is two
        raise ScheduleError(f"{what}={shown(value)} is no pair. Write {example}.")
    return length(f"{what}: tick", pair[0]), factor(f"{what}: factor", pair[1])
