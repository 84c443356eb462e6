"""Whether a schedule is as long as training is, and whether it is over."""

from collections.abc import Iterator
from typing import Any

from torch.optim import lr_scheduler as torchs

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.objects import Driver
from paramgroups.auditing.subject import Check, Subject, number
from paramgroups.auditing.timing.driven import is_alone, present_tick, processes
from paramgroups.auditing.timing.spans import Span, active_parts, is_near, span, training_ticks, trainings
from paramgroups.errors import Finding
from paramgroups.schedules import Horizon

UNEVEN = Kind(
    "PG149", "warning", "a schedule of another length than training",
    "One that is too short ends, raises or rises again while training goes on; one that is too long never "
    "gets to its low rates.",
)  # fmt: skip
OVER = Kind(
    "PG155", "warning", "a schedule that has ended",
    "It was made for fewer ticks than it is given.",
)  # fmt: skip

COOLING = 1.2
"""timm's schedulers stay at their last rate, and training may go on there for some epochs."""


def uneven(subject: Subject) -> Iterator[Finding]:
    """Schedules whose length is not the horizon's."""
    known = trainings(subject.horizon)
    for driver in subject.drivers:
        found = None if driver.is_ours or not is_alone(subject, driver) else span(driver.scheduler)
        if found is None or not known or _fits(driver, found, subject.horizon):
            continue
        message = f"{driver.name} has {_told(found)}, and training takes {_training(subject.horizon)}"
        yield UNEVEN.finding(f"{message}{_mix_up(driver, found, known)}.", _fix(found, known))


def over(subject: Subject) -> Iterator[Finding]:
    """Schedules that go on past their end."""
    for driver in subject.drivers:
        training, tick = training_ticks(driver, subject.horizon), present_tick(driver)
        if driver.is_ours or (training is not None and tick is not None and tick >= training):
            continue
        for part in active_parts(driver.scheduler):
            if (found := span(part)) is not None and (what := _next(part, found.ticks)):
                message = (
                    f"{type(part).__name__} with {found.argument} is at tick {part.last_epoch:,}: {what}."
                )
                fix = f"{found.argument.partition('=')[0]}= as many ticks as training has, or stop here."
                yield OVER.finding(message, fix)


def _next(part: Any, length: int) -> str | None:
    """What the next tick does where the schedule has ended and does not stay at its end."""
    if (number(getattr(part, "last_epoch", None)) or 0) < length:
        return None
    if isinstance(part, torchs.OneCycleLR):
        return f"tick {part.last_epoch + 1:,} raises ValueError"
    if type(part) is torchs.CosineAnnealingLR:
        return "the rate rises again"
    return None


def _fits(driver: Driver, found: Span, horizon: Horizon) -> bool:
    known = trainings(horizon)
    unit = driver.interval or found.unit
    wanted = [ticks for of, ticks in known.items() if unit in (None, of)]
    if found.unit is not None:  # timm's
        return not wanted or any(
            ticks * 0.99 <= found.ticks * COOLING and found.ticks * 0.99 <= ticks for ticks in wanted
        )
    if isinstance(driver.scheduler, torchs.OneCycleLR):
        return not wanted or any(_holds(found.ticks, ticks) for ticks in wanted)
    if any(is_near(found.ticks, ticks * many) for ticks in wanted for many in (1, processes())):
        return True
    return not wanted or (unit is None and _may_be_updates(found, known))


def _holds(length: int, ticks: int) -> bool:
    """OneCycleLR raises where it is too short by one."""
    return length >= ticks and is_near(length, ticks)


def _may_be_updates(found: Span, known: dict[Any, int]) -> bool:
    """Whether a length may be in updates, of which only the epochs are known."""
    epochs = known.get("epoch", 0)
    return "step" not in known and found.ticks >= 2 * epochs


def _told(found: Span) -> str:
    return f"{found.argument} after {found.before:,} ticks" if found.before else found.argument


def _training(horizon: Horizon) -> str:
    known = trainings(horizon)
    told = [
        f"{known[unit]:,} {word}"
        for unit, word in (("step", "updates"), ("epoch", "epochs"))
        if unit in known
    ]
    return ", ".join(told)


def _mix_up(driver: Driver, found: Span, known: dict[Any, int]) -> str:
    if driver.interval == "step" and is_near(found.ticks, known.get("epoch", 0)):
        return "; its length is in epochs, and it is stepped after each update"
    if driver.interval == "epoch" and is_near(found.ticks, known.get("step", 0)):
        return "; its length is in updates, and it is stepped after each epoch"
    return ""


def _fix(found: Span, known: dict[Any, int]) -> str:
    argument = found.argument.partition("=")[0]
    ways = {"step": "where it is stepped after each update", "epoch": "where it is stepped after each epoch"}
    lengths = {way: known[unit] - found.before for unit, way in ways.items() if unit in known}
    told = [f"{argument}={length} {way}" for way, length in lengths.items() if length > 0]
    return ", or ".join(told) + "." if told else "Let what comes before it be shorter than training."


KINDS = (UNEVEN, OVER)
CHECKS: tuple[Check, ...] = (uneven, over)
