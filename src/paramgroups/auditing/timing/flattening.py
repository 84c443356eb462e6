"""Schedules that know one number for all groups: ratios flattened, or a group lifted above its own rate."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch.optim import lr_scheduler as torchs
from torch.optim.swa_utils import SWALR

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.objects import Driver
from paramgroups.auditing.subject import Check, Group, Subject, number
from paramgroups.auditing.timing.driven import trained_groups
from paramgroups.auditing.timing.simulating import Course, course_of, plain
from paramgroups.errors import Finding, listing

FLATTENED = Kind(
    "PG141", "error", "a schedule that gives all groups one rate",
    "The ratios between the groups are gone: what was to learn slowly learns as fast as all the rest.",
)  # fmt: skip
LIFTED = Kind(
    "PG142", "error", "a floor above a group's own rate",
    "A floor is one number for all groups: where it lies above a group's rate, the schedule raises that "
    "group when it should lower it.",
)  # fmt: skip

FLOORS = ("eta_min", "lr_min", "warmup_lr_init")
"""Arguments that are a rate, not a ratio, in torch's schedulers and timm's."""
SCHEDULED = {
    "params", "param_names", "lr", "initial_lr", "max_lr", "min_lr", "swa_lr", "momentum",
    "max_momentum", "base_momentum",
}  # fmt: skip
"""Keys of a group that schedulers write, or that name its parameters."""
MULTIPLIERS = ("lr_scale", "lr_mult", "lr_mul", "lr_multiplier", "lr_factor")
FELT = 0.1
"""From this share of the smallest rate on one rate for all is felt; an end near 0 may be one for all."""
SAME = 1e-6
APART = 0.01


def lifts(driver: Driver, groups: Sequence[Group]) -> Iterator[tuple[str, float, list[Group]]]:
    """The floors of a schedule that lie above groups: the argument, its value, and these groups."""
    for part in driver.parts:
        for argument in FLOORS:
            floor = number(getattr(part, argument, None))
            if not floor or (argument == "warmup_lr_init" and not getattr(part, "warmup_t", 0)):
                continue
            above = [group for group in groups if group.base and floor > group.base * (1 + SAME)]
            if above:
                yield argument, floor, above


def flattened(subject: Subject) -> Iterator[Finding]:
    """Schedules under which groups that were set apart have one rate."""
    for driver in subject.drivers:
        groups = [group for group in trained_groups(subject, driver) if group.base]
        if len(groups) < 2 or driver.is_ours or any(lifts(driver, groups)):  # noqa: PLR2004  # one is no ratio
            continue
        if told := _told(driver, groups) or _seen(course_of(subject, driver), driver, groups):
            names = [name for group in groups for name in group.names]
            yield FLATTENED.finding(*told, names)


def lifted(subject: Subject) -> Iterator[Finding]:
    """Floors that lie above the rates of groups."""
    for driver in subject.drivers:
        for argument, floor, above in lifts(driver, trained_groups(subject, driver)):
            low = min(above, key=lambda group: group.base or 0.0)
            labels = listing(f"{group.label} ({group.base:.3g})" for group in above)
            message = (
                f"{argument}={floor:.3g} of {driver.name} is above the rate of {labels}: {low.label} goes to "
                f"{floor / (low.base or floor):.3g} times what it was given."
            )
            yield LIFTED.finding(message, _fix(argument), [name for group in above for name in group.names])


def _fix(argument: str) -> str:
    if argument == "warmup_lr_init":
        return "warmup_lr_init=0.0 rises to each group's own rate."
    return (
        f"{argument}=0.0, or a floor that is a ratio: "
        "LambdaLR(optimizer, lambda t: 0.01 + 0.99 * (1 + math.cos(math.pi * min(t / T, 1))) / 2) over T "
        "ticks, here pg.schedules.cosine(end=0.01)."
    )


def _told(driver: Driver, groups: Sequence[Group]) -> tuple[str, str] | None:
    """What the schedulers' own numbers tell."""
    for part in driver.parts:
        argument, tops = _tops(part, groups)
        rate = _one(tops)
        if rate and (how := _differ(part, groups)):
            message = (
                f"{argument}={rate:.3g} of {driver.name} is one number for {len(groups):,} groups: {how}."
            )
            fix = (
                "Build the optimizer anew, since its rates are gone, and give one for each group: "
                f"{argument}=[g['lr'] for g in optimizer.param_groups]."
            )
            return message, fix
    return None


def _tops(part: Any, groups: Sequence[Group]) -> tuple[str, list[Any]]:
    """The rate to which a schedule takes each group, and the argument that tells it."""
    if isinstance(part, SWALR):
        return "swa_lr", [group.settings.get("swa_lr") for group in groups]
    if isinstance(part, torchs.OneCycleLR):
        return "max_lr", [group.settings.get("max_lr") for group in groups]
    if isinstance(part, torchs.CyclicLR):
        return "max_lr", _of(part.max_lrs, groups)
    return "", []


def _differ(part: Any, groups: Sequence[Group]) -> str | None:
    """In what the groups differ that one number takes no notice of; None where in nothing that shows."""
    bases = [group.base for group in groups]
    if isinstance(part, torchs.CyclicLR) and not _apart(bases):
        bases = [number(one) for one in _of(part.base_lrs, groups)]
    if _apart(bases):
        each = zip(groups, bases, strict=False)
        return "they were given " + listing(f"{group.label} {base:.3g}" for group, base in each)
    if isinstance(part, SWALR):
        return None
    if key := _multiplier(groups):
        return f'they differ in "{key}"'
    if _agree_in_all(groups):
        return "it has overwritten their rates, and they agree in all else, so only a rate set them apart"
    return None


def _seen(course: Course | None, driver: Driver, groups: Sequence[Group]) -> tuple[str, str] | None:
    """What the rates to come tell: groups that were apart have one rate, which is not near 0."""
    bases = [group.base or 0.0 for group in groups]
    if course is None or not _apart(bases):
        return None
    wanted = set(groups)
    lines = [line for group, line in zip(course.groups, course.rates, strict=True) if group in wanted]
    for at, rates in zip(course.ticks, zip(*lines, strict=True), strict=True):
        low, high = min(rates), max(rates)
        if low >= FELT * min(bases) * (1 - SAME) and high - low <= SAME * high:
            message = (
                f"Under {driver.name} all {len(groups):,} groups have the rate {low:.3g} at tick {at:,}; "
                f"they were given {listing(f'{group.label} {group.base:.3g}' for group in groups)}."
            )
            return message, "Let a schedule give factors: LambdaLR(optimizer, f), or pg.schedules here."
    return None


def _agree_in_all(groups: Sequence[Group]) -> bool:
    """Whether two groups can only have differed in a rate: they agree in all else, and not as vectors do."""
    seen = set()
    for group in groups:
        if all(tensor.ndim <= 1 for tensor in group.params):
            continue
        settings = {key: _comparable(key, value) for key, value in group.settings.items()}
        kept = frozenset(one for one in settings.items() if one[0] not in SCHEDULED)
        if kept in seen:
            return True
        seen.add(kept)
    return False


def _comparable(key: str, value: Any) -> object:
    """A setting as it is compared: a schedule writes the first beta."""
    if key == "betas" and isinstance(value, (tuple, list)):
        return tuple(plain(one) for one in value[1:])
    found = number(value)
    return repr(value) if found is None else found


def _multiplier(groups: Sequence[Group]) -> str | None:
    return next((key for key in MULTIPLIERS if _apart([group.value(key) for group in groups])), None)


def _apart(values: Sequence[float | None]) -> bool:
    numbers = [value for value in values if value is not None]
    return bool(numbers) and max(numbers) - min(numbers) > APART * max(numbers)


def _one(values: Sequence[Any]) -> float | None:
    """The one number that they all are."""
    numbers = [number(value) for value in values]
    first = numbers[0] if numbers else None
    return first if first and all(one == first for one in numbers) else None


def _of(values: Sequence[Any], groups: Sequence[Group]) -> list[Any]:
    return [values[group.number] for group in groups if group.number < len(values)]


KINDS = (FLATTENED, LIFTED)
CHECKS: tuple[Check, ...] = (flattened, lifted)
