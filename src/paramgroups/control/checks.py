"""What the options of a controller may be, said once for all of them."""

import json
import sys
from collections.abc import Callable
from keyword import iskeyword
from typing import Any

from paramgroups.errors import RuleError, ScheduleError, SelectorError, shown
from paramgroups.optim import is_number
from paramgroups.rules.checks import factor, one_of
from paramgroups.rules.checks import plain as as_plain
from paramgroups.schedules.checks import whole
from paramgroups.select import Selector, as_selector


def count(option: str, value: Any, least: int = 0) -> int:
    """A number of observations: an int of at least `least`.

    Raises:
        RuleError: It is none.
    """
    try:
        return whole(option, value, least=least)
    except ScheduleError as error:
        raise RuleError(str(error)) from error


def metric(option: str, value: Any) -> str:
    """The name of a metric, which `observe` takes as a keyword.

    Raises:
        RuleError: It is no text, is blank, or no call can name it.
    """
    name = _name(option, value, "val_loss")
    if iskeyword(name):
        raise RuleError(
            f'{option}="{name}" is a word of Python, so observe({name}=…) cannot be written. Rename it.'
        )
    return name


def label(option: str, value: Any) -> str:
    """A name on one line.

    Raises:
        RuleError: It is none.
    """
    name = _name(option, value, "my guard")
    if not name.isprintable():
        raise RuleError(f'{option}={shown(value)}: give a name on one line, such as {option}="my guard".')
    return name


def plain(what: str, value: Any) -> Any:
    """A copy of plain data as JSON gives them back, so that a resumed run goes on as an unbroken one.

    Raises:
        RuleError: JSON cannot hold them.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise RuleError(
            f"{what} is {shown(value)}, which JSON cannot hold: {error}."
            " Keep finite numbers, texts, switches, None, and lists and dicts of those."
        ) from error


def pair(answer: Any, what: str = "rules") -> tuple[Any, Any]:
    """What a controller returned, as two.

    Raises:
        RuleError: It is no pair.
    """
    if not isinstance(answer, tuple) or len(answer) != 2:  # noqa: PLR2004  # a pair
        raise RuleError(f"It returned {shown(answer)}. Return a pair: its state, and a list of {what}.")
    return answer


def selector(option: str, value: Any) -> Selector:
    """What is selected.

    Raises:
        SelectorError: It is no selector.
    """
    if not isinstance(value, str | Selector):
        raise SelectorError(f'{option}={shown(value)} is no selector. Write one, such as {option}="head".')
    return as_selector(value)


def _name(option: str, value: Any, example: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RuleError(f'{option}={shown(value)}: give a name, such as {option}="{example}".')
    return value


def _number(option: str, value: Any) -> float:
    """A finite number, which need be no factor: who asks says what it may be."""
    found = as_plain(option, value)
    return float(found) if is_number(found) and found < 0 else factor(option, found)


def _not_negative(option: str, value: Any) -> float:
    found = _number(option, value)
    if found < 0:
        raise RuleError(f"{option}={shown(value)}: give a number of at least 0.")
    return found


def _factor(option: str, value: Any) -> float:
    found = factor(option, value)
    if found in (0, 1):
        raise RuleError(f"{option}={shown(value)}: a factor is above 0 and not 1. 0.1 cuts, 2.0 raises.")
    return found


def _floor(option: str, value: Any) -> float:
    found = _number(option, value)
    if not 0 <= found <= 1:
        raise RuleError(f"{option}={shown(value)} is a share of the planned rate: give 0 to 1, such as 0.01.")
    return found


def _ceiling(option: str, value: Any) -> float | None:
    if value is None:
        return None
    found = _number(option, value)
    if found <= 1:
        raise RuleError(
            f"{option}={shown(value)} is a multiple of the planned rate: give more than 1, such as 10.0."
        )
    return found


def _metric_or_none(option: str, value: Any) -> str | None:
    return None if value is None else metric(option, value)


def positive(option: str, value: Any) -> float:
    """A finite number above 0.

    Raises:
        RuleError: It is none.
    """
    found = _number(option, value)
    if found <= 0:
        raise RuleError(f"{option}={shown(value)}: give a number above 0.")
    return found


def positive_or_none(option: str, value: Any) -> float | None:
    """A finite number above 0, or None.

    Raises:
        RuleError: It is none.
    """
    return None if value is None else positive(option, value)


def _cut(option: str, value: Any) -> float:
    found = positive(option, value)
    if found >= 1:
        raise RuleError(f"{option}={shown(value)}: a cut is between 0 and 1, such as 0.5.")
    return found


def cut_or_none(option: str, value: Any) -> float | None:
    """A factor between 0 and 1, or None.

    Raises:
        RuleError: It is none.
    """
    return None if value is None else _cut(option, value)


def _times(option: str, value: Any) -> float:
    found = _number(option, value)
    if found <= 1:
        raise RuleError(f"{option}={shown(value)} is a multiple of what was: give more than 1, such as 10.0.")
    return found


def _switch(option: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise RuleError(f"{option}={shown(value)} is no switch: give True or False.")
    return value


def at_least_one(option: str, value: Any) -> int:
    """A number of at least 1.

    Raises:
        RuleError: It is none.
    """
    return count(option, value, 1)


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "selector": selector,
    "metric": metric,
    "factor": _factor,
    "patience": count,
    "mode": one_of("min", "max"),
    "threshold": _not_negative,
    "threshold_mode": one_of("relative", "absolute"),
    "cooldown": count,
    "settle": count,
    "floor": _floor,
    "ceiling": _ceiling,
    "nan": one_of("ignore", "bad", "error"),
    "window": at_least_one,
    "restart": at_least_one,
}
"""From an option's name to what reads it: it returns the value in its one form, or raises."""

GUARD_CHECKS = CHECKS | {
    "metric": _metric_or_none,
    "alone": _switch,
    "score": positive,
    "least": at_least_one,
    "action": one_of("skip", "clip"),
    "high": positive,
    "low": positive_or_none,
    "times": _times,
    "above": positive_or_none,
    "of": one_of("ratio", "share"),
    "factor": _cut,
    "after": at_least_one,
    "every": at_least_one,
    "most": count,
}
"""The same for guards, whose metric need not be given and whose factor cuts."""

SMALLEST, LARGEST = sys.float_info.min, sys.float_info.max
"""The floor and the ceiling where none is given: no product of factors is lost to 0 or infinity."""
