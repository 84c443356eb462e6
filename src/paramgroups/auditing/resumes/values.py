"""What a load of an optimizer's state does to the values of its groups."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from torch.optim import AdamW, Optimizer

from paramgroups.auditing.resumes.kinds import OVERWRITTEN
from paramgroups.auditing.resumes.saved_runs import SavedRun
from paramgroups.auditing.subject import Group, Subject, number
from paramgroups.errors import Finding, listing, shown
from paramgroups.optim.carried import Carried
from paramgroups.optim.hyperparameters import key_of
from paramgroups.optim.remembered import DECOUPLED, is_familiar, settings_known

Settings = Mapping[str, Any]

RATES = ("lr", "max_lr")
CYCLED = ("momentum", "beta1")
"""What OneCycleLR and CyclicLR drive beside the rate."""
COMMON = frozenset({"lr", "weight_decay", "momentum", "dampening", "nesterov", "betas", "eps", "clip_norm"})
"""What means the same in all classes that have it."""
CLOSE = 1e-6
"""Rates that differ by less, relatively, are one rate that was rounded to float32."""


class Change(NamedTuple):
    """A value that the load would change.

    Attributes:
        hyper: The hyperparameter.
        now: What the group holds.
        then: What was saved.
        whole: What stands under its key now, such as both betas.
        first: Whether it is the rate before any schedule.
    """

    hyper: str
    now: Any
    then: Any
    whole: Any
    first: bool = False

    @property
    def written(self) -> str:
        """Today's value, as an argument."""
        told = f"{key_of(self.hyper)}={_plain(self.whole)}"
        return f"{told}, initial_lr={_plain(self.whole)}" if self.first else told

    def __str__(self) -> str:
        when = " before its schedule" if self.first else ""
        return f"{self.hyper} {_plain(self.now)} now, {_plain(self.then)} saved{when}"


def overwritten(
    subject: Subject, run: SavedRun, pairs: Iterable[tuple[Group, Settings]]
) -> Iterator[Finding]:
    """Values that are others after the load.

    Args:
        subject: What is audited.
        run: The checkpoint.
        pairs: Each live group, with the saved one that is loaded into it.
    """
    found = {group: told for group, saved in pairs if (told := list(_changes(subject, run, group, saved)))}
    if found:
        count = f"{len(found):,} groups" if len(found) > 1 else "1 group"
        lines = [f"{group.label}: {', '.join(map(str, told))}" for group, told in found.items()]
        message = f"The load overwrites values of {count}: {listing(lines)}."
        names = dict.fromkeys(name for group in found for name in group.names)
        yield OVERWRITTEN.finding(message, _fix(found), names)


def _fix(found: Mapping[Group, list["Change"]]) -> str:
    """The values of today, written again."""
    lines = [
        f"optimizer.param_groups[{group.number}].update({', '.join(one.written for one in told)})"
        for group, told in found.items()
    ]
    rates = any(one.first for told in found.values() for one in told)
    bases = ", and likewise in scheduler.base_lrs" if rates else ""
    return f"To keep today's, after the load: {listing(lines, 3)}{bases}; or resume by pg.load."


def saved_base(saved: Settings) -> float | None:
    """The rate that a saved group was given, before any schedule."""
    first = number(saved.get("initial_lr"))
    return number(saved.get("lr")) if first is None else first


def alike(one: float | None, other: float | None) -> bool:
    """Whether two values are the same, but for rounding."""
    return one == other or (one is not None and other is not None and math.isclose(one, other, rel_tol=CLOSE))


def _changes(subject: Subject, run: SavedRun, group: Group, saved: Settings) -> Iterator[Change]:
    yield from _rates(subject, run, group, saved)
    passed = {*RATES, *(CYCLED if _is_cycled(saved) or _is_cycled(group.settings) else ())}
    for _, hyper, then, now in Carried(saved=[(group.label, [saved])]).beside([group.settings]).values:
        same = number(then) is not None and alike(number(then), number(now))
        if hyper not in passed and _is_set(key_of(hyper), group.optimizer) and not same:
            yield Change(hyper, now, then, group.settings.get(key_of(hyper)))


def _rates(subject: Subject, run: SavedRun, group: Group, saved: Settings) -> Iterator[Change]:
    """The rate that was asked for, then and now; what a schedule has made of it is no difference."""
    first = number(saved.get("initial_lr"))
    scheduled = "initial_lr" in group.settings
    if first is not None:
        # OneCycleLR and CyclicLR write a first rate of their own; without them here, it tells nothing
        cycled = "max_lr" in saved or any(
            {"max_lrs", "_schedule_phases"} & one.keys() for one in run.schedulers
        )
        if not alike(first, group.base) and (scheduled or not cycled):
            yield Change("lr", group.base, first, group.base, first=True)
        return
    driven = scheduled or any(one.optimizer is group.optimizer for one in subject.drivers)
    then, now = number(saved.get("lr")), group.value("lr")
    if not (driven or run.schedulers or alike(then, now)):
        yield Change("lr", now, then, now)


def _is_set(key: str, optimizer: Optimizer) -> bool:
    """Whether a user sets it; classes of somebody's own keep counts and estimates in their groups too."""
    if key == DECOUPLED and isinstance(optimizer, AdamW):  # it sets it again after each load
        return False
    known = is_familiar(type(optimizer)) and key in optimizer.defaults
    return key in settings_known() if known else key in COMMON


def _is_cycled(settings: Settings) -> bool:
    return not {"max_momentum", "base_momentum"}.isdisjoint(settings)


def _plain(value: Any) -> str:
    """A value as a person writes it."""
    return f"{value:.6g}" if isinstance(value, float) else shown(value)
