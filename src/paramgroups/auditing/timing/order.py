"""Whose rates a scheduler drives, whether it still has them in hand, and when it is stepped."""

from collections.abc import Iterator
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torchs

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.objects import WITHIN, Driver
from paramgroups.auditing.subject import Check, Group, Subject, number
from paramgroups.auditing.timing.driven import groups_of, is_alone, present_tick, processes
from paramgroups.auditing.timing.spans import is_near, span, trainings
from paramgroups.errors import Finding, counted, listing

ELSEWHERE = Kind(
    "PG140", "error", "a scheduler of another optimizer",
    "It writes rates into an optimizer that is not stepped; the one that is keeps its rate for ever.",
)  # fmt: skip
OUT_OF_HAND = Kind(
    "PG147", "warning", "a rate that the scheduler did not write",
    "Some schedulers write their own rate over it at the next tick, and others go on from it for ever.",
)  # fmt: skip
LATE = Kind(
    "PG148", "error", "a group that was added after the scheduler was built",
    "LambdaLR, OneCycleLR and others raise at the next tick, LinearLR takes the new group to another rate, "
    "and those that go on from the present rate know no base of it.",
)  # fmt: skip
EARLY = Kind(
    "PG150", "error", "the scheduler was stepped before the optimizer",
    "The first rate of the schedule is left out, and a warm-up or a load is out of step with the weights.",
)  # fmt: skip
NEVER = Kind("PG151", "warning", "the scheduler was never stepped", "The rate stays where it began.")
FAST = Kind(
    "PG152", "warning", "the scheduler ticks more often than the optimizer steps",
    "The schedule is over long before training is: with accumulation, so many times sooner as batches make "
    "an update.",
)  # fmt: skip

CLOSED = (
    torchs.LambdaLR,
    torchs.OneCycleLR,
    torchs.CosineAnnealingWarmRestarts,
    torchs.CyclicLR,
)
"""These compute the rate anew from the first one; the others multiply the present one."""
ON_TOP = (torchs.ReduceLROnPlateau,)
"""These keep what is edited: they have no rate of their own."""
SAME = 1e-6
A_FEW = 10
ASKED = 64
"""So many states are asked for their count: each may have to wait for a device."""
AN_EPOCH = 10_000
"""So many updates are more than an epoch of nearly anything."""


def elsewhere(subject: Subject) -> Iterator[Finding]:
    """Schedulers of optimizers that are not the ones handed in."""
    for driver in subject.drivers:
        if not subject.optimizers or _is_held(driver.optimizer, subject):
            continue
        message = (
            f"{driver.name} drives another {type(driver.optimizer).__name__} than the "
            f"{listing(type(one).__name__ for one in subject.optimizers)} that was handed in: one of them "
            "was built anew."
        )
        fix = f"Build it last: scheduler = {driver.name}(optimizer, …), after the optimizer that steps."
        yield ELSEWHERE.finding(message, fix)


def late(subject: Subject) -> Iterator[Finding]:
    """Schedulers that know another number of groups than there are."""
    for driver in subject.drivers:
        there = len(getattr(driver.optimizer, "param_groups", ()))
        known = None if driver.is_ours or not there else _known_groups(driver)
        if known is None or known == there:
            continue
        new = groups_of(subject, driver)[known:]
        message = f"{driver.name} was built over {counted(known, 'group')}, and the optimizer has {there}"
        message += f": {listing(group.label for group in new)} came later." if new else "."
        fix = (
            "Give the optimizer all groups when it is built (a frozen part costs nothing there), or build "
            "the scheduler anew after add_param_group: group.setdefault('initial_lr', group['lr']) in the "
            f"new group, then {driver.name}(optimizer, …, last_epoch=scheduler.last_epoch)."
        )
        yield LATE.finding(message, fix, [name for group in new for name in group.names])


def out_of_hand(subject: Subject) -> Iterator[Finding]:
    """Groups whose rate is not what their scheduler last gave."""
    for driver in subject.drivers:
        moved = list(_moved(subject, driver)) if is_alone(subject, driver) else []
        if moved:
            told = listing(f"{group.label}: {now:.3g} instead of {given:.3g}" for group, now, given in moved)
            message = f"Rates are not what {driver.name} last gave: {told}. {_next(driver)}"
            fix = (
                "Write factors into the schedule, not rates into the groups. On a resume: build the "
                "optimizer and the scheduler first, then load both."
            )
            yield OUT_OF_HAND.finding(message, fix, [name for group, *_ in moved for name in group.names])


def early(subject: Subject) -> Iterator[Finding]:
    """Schedulers that have ticked on an optimizer that has never stepped."""
    for driver in _torchs(subject):
        ticks = _ticked(driver)
        if ticks and _never_stepped(driver.optimizer, driver):
            message = f"{driver.name} has made {counted(ticks, 'tick')}, and its optimizer no step."
            fix = (
                "optimizer.step() first, then scheduler.step(). On a resume: "
                "optimizer.load_state_dict(saved['optimizer']) beside the scheduler's."
            )
            yield EARLY.finding(message, fix)


def never(subject: Subject) -> Iterator[Finding]:
    """Schedulers that have not ticked while the optimizer stepped often."""
    for driver in _torchs(subject):
        count = updates(driver.optimizer)
        if count and present_tick(driver) == 0 and count > _patience(subject, driver):
            message = f"The optimizer has made {count:,} updates, and {driver.name} no tick."
            fix = "Call scheduler.step() after optimizer.step(), or at the end of each epoch."
            yield NEVER.finding(message, fix)


def fast(subject: Subject) -> Iterator[Finding]:
    """Schedulers that tick between the optimizer's updates."""
    for driver in _torchs(subject):
        count, ticks = updates(driver.optimizer), _ticked(driver)
        if count and ticks and ticks > 4 and ticks >= 2 * count * processes():  # noqa: PLR2004  # the first few may part
            message = (
                f"{driver.name} has made {ticks:,} ticks in {count:,} updates: {ticks / count:.3g} an update."
            )
            fix = (
                "Call scheduler.step() only where optimizer.step() was called. Where the optimizer's state "
                "was not loaded on a resume, load it."
            )
            yield FAST.finding(message, fix)


def updates(optimizer: Optimizer | None) -> int | None:
    """How many updates an optimizer has made, as its state tells; None where it does not."""
    states = list(getattr(optimizer, "state", {}).values())
    told = (state.get("step") for state in states[:: len(states) // ASKED + 1] if isinstance(state, dict))
    counts = [count for step in told if (count := number(step)) is not None]
    return int(max(counts)) if counts else None


def _is_held(optimizer: Optimizer, subject: Subject) -> bool:
    """Whether it is one of those handed in, or shares its groups with one."""
    mine = {id(group) for group in optimizer.param_groups}
    return any(
        optimizer is one or mine & {id(group) for group in one.param_groups} for one in subject.optimizers
    )


def _known_groups(driver: Driver) -> int | None:
    """For how many groups a scheduler has a rate."""
    for part in driver.parts:
        if isinstance(part, torchs.ReduceLROnPlateau):
            return None if part.default_min_lr is not None else len(part.min_lrs)
        for name in ("base_lrs", "base_values"):
            if isinstance(known := getattr(part, name, None), list):
                return len(known)
    return None


def _moved(subject: Subject, driver: Driver) -> Iterator[tuple[Group, float, float]]:
    scheduler = driver.scheduler
    if driver.is_ours or not isinstance(scheduler, torchs.LRScheduler) or isinstance(scheduler, ON_TOP):
        return
    last = getattr(scheduler, "_last_lr", None)
    for group, rate in zip(groups_of(subject, driver), last if isinstance(last, list) else (), strict=False):
        now, given = group.value("lr"), number(rate)
        if now is not None and given is not None and abs(now - given) > SAME * max(abs(now), abs(given)):
            yield group, now, given


def _next(driver: Driver) -> str:
    told = "They were edited by hand, or the scheduler was built between two loads of a resume."
    if all(isinstance(part, CLOSED) for part in driver.parts):
        return f"{told} The next tick undoes it: {driver.name} computes rates from the first one."
    return f"{told} All later rates are multiples of it: {driver.name} goes on from the present rate."


def _torchs(subject: Subject) -> Iterator[Driver]:
    for driver in subject.drivers:
        if not driver.is_ours and isinstance(driver.scheduler, torchs.LRScheduler):
            yield driver


def _ticked(driver: Driver) -> int:
    """How often a scheduler was stepped: not counted where it was built at a later tick, with last_epoch=."""
    ticks, counted = present_tick(driver) or 0, getattr(driver.scheduler, "_step_count", None)
    return min(ticks, counted - 1) if isinstance(counted, int) and counted > 0 else ticks


def _never_stepped(optimizer: Optimizer, driver: Driver) -> bool:
    """Whether neither the optimizer's state nor the mark that torch leaves tells of a step."""
    if any(getattr(one, "_opt_called", False) for one in _shells(driver)):
        return False
    if _is_stateless(optimizer) and not any(map(_is_marked, _shells(driver))):
        return False
    count = updates(optimizer)
    if count or (count is None and any(one or not isinstance(one, dict) for one in optimizer.state.values())):
        return False
    return not _is_stateless(optimizer) or not _was_loaded(optimizer)


def _shells(driver: Driver) -> Iterator[Any]:
    """What the scheduler was built over: the optimizer within its wrappers, from without to within."""
    found = getattr(driver.parts[0], "optimizer", None)
    while found is not None:
        yield found
        inner = [getattr(found, name, None) for name in WITHIN]
        found = next((one for one in inner if one is not None and one is not found), None)


def _is_marked(found: Any) -> bool:
    """Whether torch notes each step of an optimizer; it does not for ReduceLROnPlateau."""
    return hasattr(getattr(found, "step", None), "_wrapped_by_lr_sched")


def _is_stateless(optimizer: Optimizer) -> bool:
    return type(optimizer).__name__ == "SGD" and not any(
        one.get("momentum") for one in optimizer.param_groups
    )


def _was_loaded(optimizer: Optimizer) -> bool:
    """Whether a state was loaded: torch then puts the parameters last in a group, which else are first."""
    return any(next(iter(group), "params") != "params" for group in optimizer.param_groups)


def _patience(subject: Subject, driver: Driver) -> int:
    """After so many updates the first tick should have been."""
    known, found = trainings(subject.horizon), span(driver.scheduler)
    each = subject.horizon.ticks_per_epoch if subject.horizon.unit == "step" else None
    is_by_step = bool(found and "step" in known and is_near(found.ticks, known["step"]))
    if driver.interval == "step" or (driver.interval is None and is_by_step):
        return A_FEW
    return each or AN_EPOCH


KINDS = (ELSEWHERE, LATE, OUT_OF_HAND, EARLY, NEVER, FAST)
CHECKS: tuple[Check, ...] = (elsewhere, late, out_of_hand, early, never, fast)
