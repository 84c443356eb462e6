"""Functions that give a rate where a factor is asked, or that multiply what is multiplied already."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiplicativeLR

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.steppers import listed
from paramgroups.auditing.subject import Check, Group, Subject
from paramgroups.auditing.timing.driven import groups_of
from paramgroups.auditing.timing.functions import Reach, reach
from paramgroups.auditing.timing.simulating import plain, untouched
from paramgroups.errors import Finding

CURRENT = Kind(
    "PG144", "error", "a function of the present rate",
    "It is asked again at every tick, and finds its own last answer: the factors multiply up.",
)  # fmt: skip
COMPOUNDED = Kind(
    "PG145", "error", "MultiplicativeLR with a factor of the first rate",
    "MultiplicativeLR multiplies the present rate, so the factors 0.9, 0.81, 0.73 multiply up to 0.53.",
)  # fmt: skip
SQUARED = Kind(
    "PG146", "warning", "a function that gives a rate where a factor is asked",
    "LambdaLR multiplies the rate that the group was given by what the function gives: a rate times a rate.",
)  # fmt: skip

FIRST = range(1, 7)
AHEAD = 1_000
SMALL, LOW = 0.1, 0.03
"""Where no factor ever gets above the first, and none that is not a rate above the second."""
LINES: tuple[Callable[[float], float], ...] = (
    math.log,
    lambda factor: 1 / factor - 1,
    lambda factor: 1 - factor,
    lambda factor: math.acos(2 * factor - 1),
    lambda factor: 1 / factor**2 - 1,
)
"""Under one of these a power, 1/(1 + ct), a line, a cosine and 1/√(1 + ct) grow with the tick from 0."""


def current(subject: Subject) -> Iterator[Finding]:
    """Functions that read the rate which they are to give."""
    for part, function, groups in _functions(subject, LambdaLR, MultiplicativeLR):
        if how := _reads_the_rate(reach(function)):
            message = (
                f"The function {_name(function)} of {type(part).__name__} reads the present rate: {how}."
            )
            fix = (
                "A factor of the tick alone: LambdaLR(optimizer, lambda epoch: 0.95**epoch). It multiplies "
                "the rate that each group was given."
            )
            yield CURRENT.finding(message, fix, listed(groups))


def compounded(subject: Subject) -> Iterator[Finding]:
    """Factors of MultiplicativeLR that are those of the first rate."""
    for _, function, groups in _functions(subject, MultiplicativeLR):
        factors = _factors(function, range(1, AHEAD))
        if _falls_in_time(factors) or _falls_by_stairs(factors):
            shown = ", ".join(f"{factor:.4g}" for factor in _distinct(factors)[:3])
            product = math.prod(factors[:100])
            message = (
                f"The function {_name(function)} of MultiplicativeLR gives {shown}, …: after "
                f"{len(factors[:100])} ticks the rate is {product:.3g} times what it was."
            )
            fix = "LambdaLR with the same function, or MultiplicativeLR(optimizer, lambda epoch: 0.95)."
            yield COMPOUNDED.finding(message, fix, listed(groups))


def squared(subject: Subject) -> Iterator[Finding]:
    """Functions of LambdaLR whose largest factor is a rate."""
    found: dict[LRScheduler, list[tuple[Any, list[Group], list[float]]]] = {}
    for part, function, groups in _functions(subject, LambdaLR):
        factors = [one for one in _factors(function, _ticks(subject)) if math.isfinite(one)]
        found.setdefault(part, []).append((function, groups, factors))
    for each in found.values():
        if all(len(factors) > 1 and max(factors) < SMALL for *_, factors in each):
            for function, groups, factors in each:
                yield from _squared(function, groups, factors)


def _squared(function: Any, groups: Sequence[Group], factors: Sequence[float]) -> Iterator[Finding]:
    top = max(factors)
    told = [group for group in groups if _is_rate(top, group.base, rising=factors[-1] == top)]
    if told:
        base = told[0].base or 0.0
        message = (
            f"The function {_name(function)} of LambdaLR gives at most {top:.3g}, and {told[0].label} was "
            f"given the rate {base:.3g}: its rate is at most {base * top:.3g}."
        )
        fix = (
            "Give a factor, 1.0 for the full rate, lambda epoch: 0.95**epoch; or give rates, with lr=1.0 in "
            "the optimizer."
        )
        yield SQUARED.finding(message, fix, listed(told))


def _functions(subject: Subject, *kinds: type[LRScheduler]) -> Iterator[tuple[LRScheduler, Any, list[Group]]]:
    """Each function of such schedulers once, with the groups whose rate it gives."""
    for driver in subject.drivers:
        groups = groups_of(subject, driver)
        for part in driver.parts:
            if isinstance(part, kinds):
                functions = list(getattr(part, "lr_lambdas", ()))
                found: dict[int, tuple[Any, list[Group]]] = {id(one): (one, []) for one in functions}
                for group, one in zip(groups, functions, strict=False):
                    found[id(one)][1].append(group)
                yield from ((part, *its) for its in found.values())


def _reads_the_rate(found: Reach) -> str | None:
    if call := next((name for name in ("get_last_lr", "get_lr") if name in found.names), None):
        return f"it calls {call}()"
    if "lr" not in found.constants:
        return None
    if "param_groups" in found.names:
        return 'it reads "lr" of param_groups'
    held = next((name for name, value in found.values if _is_group(value)), None)
    return None if held is None else f'it reads "lr" of {held}, a group of an optimizer'


def _is_group(value: Any) -> bool:
    if isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, dict) and "params" in value and "lr" in value


def _factors(function: Any, ticks: Sequence[int]) -> list[float]:
    """What a function gives, to the first tick where it gives none; nothing where it may change things."""
    found: list[float] = []
    if not (hasattr(function, "__code__") or hasattr(function, "func")) or reach(function).changes_things:
        return found
    with untouched():
        for tick in ticks:
            try:
                found.append(plain(function(tick)))
            except Exception:  # noqa: BLE001  # a user's function ends as it likes
                break
    return found


def _falls_in_time(factors: Sequence[float]) -> bool:
    """Whether the factors are those of a decay that is counted from the start."""
    first = factors[: len(FIRST)]
    if len(first) < len(FIRST) or not all(0 < b < a <= 1 for a, b in pairwise([1.0, *first])):
        return False
    return any(_is_line([line(factor) for factor in first]) for line in LINES)


def _is_line(values: Sequence[float]) -> bool:
    return all(
        math.isclose(value, tick * values[0], rel_tol=1e-6) for tick, value in zip(FIRST, values, strict=True)
    )


def _falls_by_stairs(factors: Sequence[float]) -> bool:
    """Whether they are the powers of one factor, each for a while: 0.1**(epoch // 30)."""
    stairs = _distinct(factors)
    if len(stairs) < len("012") or stairs[0] != 1 or not all(a > b > 0 for a, b in pairwise(stairs[:3])):
        return False
    return math.isclose(stairs[2], stairs[1] ** 2, rel_tol=1e-6) and factors == sorted(factors, reverse=True)


def _distinct(factors: Sequence[float]) -> list[float]:
    return list(dict.fromkeys(factors))


def _is_rate(top: float, base: float | None, *, rising: bool) -> bool:
    """Whether the largest factor can only be meant as a rate."""
    if base is None or top <= 0 or not 0 < base < SMALL:
        return False
    return math.isclose(top, base, rel_tol=1e-3) or (top < LOW and base < LOW and not rising)


def _ticks(subject: Subject) -> Sequence[int]:
    """Ticks of training; where its length was not told, some that come late, for a warm-up that is long."""
    if subject.horizon.ticks is not None:
        return range(min(subject.horizon.ticks, AHEAD))
    return [*range(AHEAD), *(AHEAD * 2**power for power in range(8))]


def _name(function: Any) -> str:
    name = getattr(function, "__name__", None) or getattr(getattr(function, "func", None), "__name__", None)
    return str(name or type(function).__name__)


KINDS = (CURRENT, COMPOUNDED, SQUARED)
CHECKS: tuple[Check, ...] = (current, compounded, squared)
