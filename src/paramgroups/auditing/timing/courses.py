"""What a schedule will do: rates out of their domain, and a rate of 0 before the end."""

import math
from collections.abc import Iterator, Sequence

from paramgroups.auditing.kinds import UNTAKEN, Kind
from paramgroups.auditing.objects import Driver
from paramgroups.auditing.subject import Check, Group, Subject, number
from paramgroups.auditing.timing.flattening import FLOORS
from paramgroups.auditing.timing.simulating import course_of, refusals
from paramgroups.auditing.timing.spans import training_ticks
from paramgroups.errors import Finding, listing

OUTSIDE = Kind(
    "PG153", "error", "a schedule that drives a rate out of its domain",
    "A negative rate climbs, one that is no number destroys the weights, and one far above what was given "
    "diverges.",
)  # fmt: skip
STANDING = Kind(
    "PG154", "warning", "a rate of 0 before the end of training",
    "Nothing is learned any more, and every further step costs what it costs.",
)  # fmt: skip

TIMES = 10
SAME = 1e-6
ENDING = 0.05
"""Below this share of its largest rate a schedule is at its end; and so much of training may be at 0."""


def outside(subject: Subject) -> Iterator[Finding]:
    """Schedules that give a rate which is negative, no number, or far above the group's own."""
    for driver in subject.drivers:
        course = course_of(subject, driver)
        if course is None:
            continue
        end = training_ticks(driver, subject.horizon)
        told = [
            (group, *found)
            for group, line in zip(course.groups, course.rates, strict=True)
            if _is_odd(group.base, line)
            and (found := _first_outside(_given(driver, group), line, course.ticks, end))
        ]
        if told:
            group, tick, rate = told[0]
            message = (
                f"{driver.name} gives {listing(one[0].label for one in told)} a rate out of its domain: "
                f"{_shown(rate)} at tick {tick:,}, where {group.label} was given {group.base or 0.0:.3g}."
            )
            fix = "A factor between 0 and 1 at all ticks: LambdaLR(optimizer, lambda t: max(0.0, 1 - t / T))."
            yield OUTSIDE.finding(message, fix, [name for one in told for name in one[0].names])


def standing(subject: Subject) -> Iterator[Finding]:
    """Schedules that stand at 0 while training goes on."""
    for driver in subject.drivers:
        course, end = course_of(subject, driver), training_ticks(driver, subject.horizon)
        if course is None or end is None or course.ticks[-1] < end - 1:
            continue
        lines = zip(course.groups, course.rates, strict=True)
        told = [
            (group, at) for group, line in lines if (at := _stands_from(line, course.ticks, end)) is not None
        ]
        if told:
            message = (
                f"Under {driver.name} the rate of {listing(group.label for group, _ in told)} is 0 from tick "
                f"{told[0][1]:,} on, and training takes {end:,}."
            )
            fix = f"Make the schedule {end:,} ticks long, as training is, or stop where it does."
            yield STANDING.finding(message, fix, [name for group, _ in told for name in group.names])


def not_simulated(subject: Subject) -> Iterator[Finding]:
    """Schedulers that cannot be stepped ahead as a copy."""
    for driver, reason in refusals(subject):
        message = f"{driver.name} was not stepped ahead: {reason}."
        fix = "Let its function compute from the tick it is given, and keep nothing between two calls."
        yield UNTAKEN.finding(message, fix)


def _is_odd(base: float | None, line: Sequence[float]) -> bool:
    """Whether a rate is out of its domain, or may be: what else was asked for can only allow more."""
    return not all(0 <= rate <= TIMES * (base or 0.0) for rate in line)


def _first_outside(
    largest: float, line: Sequence[float], ticks: Sequence[int], end: int | None
) -> tuple[int, float] | None:
    """The first tick at which a rate is out of its domain; past its end a schedule may do as it likes."""
    top = 0.0
    for at, (tick, rate) in enumerate(zip(ticks, line, strict=True)):
        if end is not None and tick >= end:
            return None
        if rate < 0 or not math.isfinite(rate) or (rate > TIMES * largest * (1 + SAME) > 0):
            ended = end is None and at > 0 and line[at - 1] < ENDING * top
            return None if ended else (tick, rate)
        top = max(top, rate)
    return None


def _stands_from(line: Sequence[float], ticks: Sequence[int], end: int) -> int | None:
    """From which tick on a rate is 0, where it was not at first and that is long before the end."""
    last = next((at for at in range(len(line) - 1, -1, -1) if line[at] != 0), None)
    if last is None or last + 1 >= len(line):
        return None
    first = ticks[last + 1]
    return first if end - first > ENDING * end else None


def _given(driver: Driver, group: Group) -> float:
    """The largest rate that anybody has asked for the group; what is above it nobody has."""
    asked = [group.value(key) for key in ("initial_lr", "lr", "max_lr", "swa_lr")]
    asked += [number(getattr(part, name, None)) for part in driver.parts for name in FLOORS]
    for part in driver.parts:
        tops = getattr(part, "max_lrs", ())
        asked += [number(tops[group.number])] if group.number < len(tops) else []
    return max(rate or 0.0 for rate in asked)


def _shown(rate: float) -> str:
    return f"{rate:.3g}" if math.isfinite(rate) else "no finite number"


KINDS = (OUTSIDE, STANDING)
CHECKS: tuple[Check, ...] = (outside, standing, not_simulated)
