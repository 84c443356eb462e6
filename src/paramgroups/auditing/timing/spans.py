"""How long a schedule is made to be, and how many of its ticks a training takes."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from torch.optim import lr_scheduler as torchs

from paramgroups.auditing.objects import Driver
from paramgroups.auditing.subject import number
from paramgroups.auditing.timing.functions import reach
from paramgroups.schedules import Horizon

Unit = Literal["step", "epoch"]
ARGUMENTS: Mapping[type, str] = {
    torchs.CosineAnnealingLR: "T_max",
    torchs.OneCycleLR: "total_steps",
    torchs.PolynomialLR: "total_iters",
}
"""Which argument tells when a schedule is done; those of a warm-up tell nothing of training."""
WORDS = ("num_training_steps", "t_total", "total_steps", "max_steps", "training_steps")
"""Under these names functions of a tick know how long training is."""
STABLE = ("num_warmup_steps", "num_stable_steps", "num_decay_steps")


class Span(NamedTuple):
    """How long a schedule is.

    Attributes:
        argument: What tells it, as it is written.
        ticks: Its length.
        unit: What a tick is, where the schedule knows.
        before: How many of them other schedules have before it.
    """

    argument: str
    ticks: int
    unit: Unit | None = None
    before: int = 0


def span(scheduler: Any) -> Span | None:
    """How long a schedule is; None where it has no length, or none that can be read."""
    if isinstance(scheduler, torchs.SequentialLR):
        return _in_turn(scheduler)
    if isinstance(scheduler, torchs.ChainedScheduler):
        found = [one for part in scheduler._schedulers if (one := span(part)) is not None]  # noqa: SLF001  # no other way in
        return max(found, key=lambda one: one.ticks, default=None)
    if isinstance(scheduler, torchs.LambdaLR):
        return _of_lambda(scheduler)
    for kind, argument in ARGUMENTS.items():
        if isinstance(scheduler, kind):
            return _told(argument, getattr(scheduler, argument, None))
    return _of_timm(scheduler)


def training_ticks(driver: Driver, horizon: Horizon) -> int | None:
    """How many ticks a scheduler takes in the training that was told of; the fewer where both may be."""
    known = trainings(horizon)
    found = span(driver.scheduler)
    unit = driver.interval or (found.unit if found else None)
    if unit is not None:
        return known.get(unit)
    fits = [ticks for ticks in known.values() if found and is_near(found.ticks, ticks)]
    return min(fits or known.values(), default=None)


def trainings(horizon: Horizon) -> dict[Unit, int]:
    """How long training is, in updates and in epochs, as far as it was told."""
    if horizon.ticks is None:
        return {}
    if horizon.unit == "epoch":
        return {"epoch": horizon.ticks}
    each = horizon.ticks_per_epoch
    if each is None:
        return {"step": horizon.ticks}
    return {"step": horizon.ticks, "epoch": -(-horizon.ticks // each)}


def is_near(length: int, ticks: int) -> bool:
    """Whether a length is meant to be another: a tick or a hundredth apart."""
    return abs(length - ticks) <= max(1, ticks / 100)


def active_parts(scheduler: Any) -> Iterator[Any]:
    """The schedulers that give the rate at the present tick."""
    if isinstance(scheduler, torchs.SequentialLR):
        tick = number(scheduler.last_epoch) or 0
        at = sum(tick >= milestone for milestone in scheduler._milestones)  # noqa: SLF001  # no other way in
        yield from active_parts(scheduler._schedulers[at])  # noqa: SLF001  # likewise
    elif isinstance(scheduler, torchs.ChainedScheduler):
        for part in scheduler._schedulers:  # noqa: SLF001  # likewise
            yield from active_parts(part)
    else:
        yield scheduler


def _in_turn(scheduler: torchs.SequentialLR) -> Span | None:
    last = span(scheduler._schedulers[-1])  # noqa: SLF001  # no other way in
    before = scheduler._milestones[-1] if scheduler._milestones else 0  # noqa: SLF001  # likewise
    if last is None or not isinstance(before, int):
        return None
    return last._replace(ticks=before + last.ticks, before=before + last.before)


def _of_lambda(scheduler: torchs.LambdaLR) -> Span | None:
    for function in dict.fromkeys(scheduler.lr_lambdas):
        found = reach(function)
        if told := found.number(WORDS):
            return _told(*told)
        parts = [one for name in STABLE if (one := found.number([name])) is not None]
        if len(parts) == len(STABLE):
            return _told(" + ".join(STABLE), sum(value for _, value in parts))
    return None


def _of_timm(scheduler: Any) -> Span | None:
    in_epochs, told = getattr(scheduler, "t_in_epochs", None), getattr(scheduler, "get_cycle_length", None)
    if not isinstance(in_epochs, bool) or told is None:
        return None
    length = number(told())
    if not length:
        return None
    before = scheduler.warmup_t if scheduler.warmup_prefix else 0
    return Span(f"t_initial={length - before:,.0f}", int(length), "epoch" if in_epochs else "step", before)


def _told(argument: str, value: Any) -> Span | None:
    length = number(value)
    return None if length is None or length < 1 else Span(f"{argument}={length:,.0f}", int(length))
