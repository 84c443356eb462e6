"""What becomes of rates that are written by hand."""

import copy
import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramgroups.auditing.objects import Driver
from paramgroups.auditing.subject import number
from paramgroups.auditing.timing.functions import that_changes_things
from paramgroups.auditing.watches.kinds import WRITTEN
from paramgroups.errors import Finding

SAME = 1e-6
"""Rates that differ by less are one: a tensor's float32 rounds."""
CLEAR = 1e-3
CHANGES = 4
"""As many changes show how rates are made."""
NOTHING = 1e-4
"""A rate that was cut to this part of itself, always by the same factor, is on its way to nothing."""
LONGEST = 8
FIX = (
    "Say it as a factor on top of the schedule: scheduler.scale(selector, 0.5) of pg.Scheduler; or write the "
    "change into the schedule."
)


class Edit(NamedTuple):
    """A rate that is not what the scheduler gave."""

    group: int
    found: float
    given: float
    tick: Any


class Edits:
    """Rates that differ from what a scheduler last gave, and what its next tick makes of them.

    Args:
        driver: The scheduler.
        optimizer: What it drives.
    """

    def __init__(self, driver: Driver, optimizer: Optimizer) -> None:
        self._scheduler = driver.scheduler
        self._name = driver.name
        self._optimizer = optimizer
        self._edit: Edit | None = None
        self._at = 0

    @staticmethod
    def can_see(driver: Driver) -> bool:
        """Whether a scheduler keeps what it last gave, and means it to stay."""
        scheduler = driver.scheduler
        kept = isinstance(getattr(scheduler, "__dict__", {}).get("_last_lr"), list)
        return kept and not driver.is_ours and not isinstance(scheduler, ReduceLROnPlateau)

    def update(self) -> Iterator[Finding]:
        """An update is about to be made: look at one group, in turns."""
        given, groups = self._scheduler._last_lr, self._optimizer.param_groups  # noqa: SLF001  # torch's own place of it
        if self._edit is not None:
            yield from self._outcome(self._edit, given)
        if not groups or len(given) != len(groups):
            return
        if self._edit is None:  # else it is the group whose edit may be taken back
            self._at = (self._at + 1) % len(groups)
        self._edit = None
        now, last = _here(groups[self._at].get("lr")), _here(given[self._at])
        if now is not None and last is not None and _apart(now, last, SAME):
            self._edit = Edit(self._at, now, last, self._scheduler.__dict__.get("last_epoch"))

    def _outcome(self, edit: Edit, given: list[Any]) -> Iterator[Finding]:
        tick = self._scheduler.__dict__.get("last_epoch")
        if tick == edit.tick or edit.group >= len(given):
            return
        self._edit = None
        new = number(given[edit.group])
        if new is None or edit.given == 0 or tick is None or tick != edit.tick + 1:
            return
        told = (
            f"The rate of group {edit.group} was {edit.given:.3g} as {self._name} gave it, and "
            f"{edit.found:.3g} as it was written by hand"
        )
        goes_on = _goes_on(self._scheduler, edit)
        if goes_on is None:
            goes_on = not _nearer(new, edit.given, edit.found)
        if not goes_on and _apart(new, edit.found, CLEAR):
            message = f"{told}: the next tick undid that, and made it {new:.3g}."
            yield WRITTEN.finding(message, FIX)
        elif goes_on and _apart(new, edit.found, SAME):
            message = f"{told}: the next ticks go on from it, and it compounds; the first made it {new:.3g}."
            yield WRITTEN.finding(message, FIX)


class Undriven:
    """The rates of a group that no scheduler drives, as they change one after the other.

    Args:
        optimizer: The optimizer; its first group is looked at.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._seen: Any = None
        self._rates: list[float] = []
        self._first = self._factor = 1.0
        self._same = self._changes = 0

    def update(self) -> Iterator[Finding]:
        """An update is about to be made."""
        groups = self._optimizer.param_groups
        found = groups[0].get("lr") if groups else None
        if found is self._seen:
            return
        self._seen = found
        rate = number(found)
        if rate is not None and rate > 0 and (not self._rates or _apart(rate, self._rates[-1], SAME)):
            self._note(rate)
            yield from self._judged()

    def _note(self, rate: float) -> None:
        if self._rates:
            self._changes += 1
            factor = rate / self._rates[-1]
            self._same = self._same + 1 if not _apart(factor, self._factor, CLEAR) else 1
            self._factor = factor
        else:
            self._first = rate
        self._rates.append(rate)
        if len(self._rates) > LONGEST:
            del self._rates[0]

    def _judged(self) -> Iterator[Finding]:
        factors = [after / before for before, after in zip(self._rates, self._rates[1:], strict=False)]
        if self._changes == CHANGES and _compounds(factors):
            told = ", ".join(f"{one:.3g}" for one in factors)
            message = (
                f"The rate of group 0 was multiplied by {told}: factors that were meant of its first value "
                "compound."
            )
            fix = "Compute it from the base each time: group['lr'] = base * factor, as LambdaLR does."
            yield WRITTEN.finding(message, fix)
        elif self._same > CHANGES and self._factor < 1 and self._rates[-1] <= NOTHING * self._first:
            message = (
                f"The rate of group 0 was multiplied by {self._factor:.3g} {self._same} times on end, from "
                f"{self._first:.3g} to {self._rates[-1]:.3g}, and no scheduler does it."
            )
            fix = (
                "Cut it when a metric no longer falls, not whenever it is above a bound: "
                "pg.control.plateau, or ReduceLROnPlateau; and give it a floor."
            )
            yield WRITTEN.finding(message, fix)


def _goes_on(scheduler: Any, edit: Edit) -> bool | None:
    """Whether a scheduler computes the next rate from the one it finds; None where it cannot be asked."""
    if that_changes_things([scheduler]) is not None:
        return None
    asked = copy.copy(scheduler)
    groups = scheduler.optimizer.param_groups
    found = []
    for rate in (edit.given, edit.found):
        asked.optimizer = SimpleNamespace(param_groups=[{**group, "lr": rate} for group in groups])
        asked._get_lr_called_within_step = True  # noqa: SLF001  # else torch warns
        try:
            found.append(number(asked.get_lr()[edit.group]))
        except Exception:  # noqa: BLE001  # it is foreign code, and may need more than its groups
            return None
    return None if None in found else found[0] != found[1]


def _compounds(factors: list[float]) -> bool:
    """Whether falling factors are those of a curve from 1: f, f², f³, or 1/(1 + d), 1/(1 + 2d)."""
    if any(one >= 1 for one in factors):
        return False
    for course in ([-math.log(one) for one in factors], [1 / one - 1 for one in factors]):
        if all(not _apart(one, course[0] * k, CLEAR) for k, one in enumerate(course, 1)):
            return True
    return False


def _here(found: Any) -> float | None:
    """A rate; None where a device would have to be waited for."""
    return None if isinstance(found, Tensor) and found.device.type != "cpu" else number(found)


def _apart(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) > tolerance * max(abs(one), abs(other))


def _nearer(found: float, one: float, other: float) -> bool:
    """Whether a rate is nearer to one than to another, by their ratios."""
    if found <= 0 or one <= 0 or other <= 0:
        return abs(found - one) < abs(found - other)
    return abs(math.log(found / one)) < abs(math.log(found / other))
