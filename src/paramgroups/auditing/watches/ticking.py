"""Whether a scheduler is stepped as it should be: once an update, or once an epoch."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramgroups.auditing.objects import Driver
from paramgroups.auditing.subject import Subject
from paramgroups.auditing.timing.simulating import course_of
from paramgroups.auditing.watches.kinds import IDLE, UNEVEN
from paramgroups.errors import Finding

FEWEST = 10
"""Updates without a tick, after which a scheduler counts as forgotten."""
ENOUGH = 20
"""Updates after which a scale that is still sought no longer makes them fewer than the ticks."""
REGULAR = 4
"""As many equal distances are no chance."""
LONGEST = 1000
"""Updates: at longer distances a gradient scaler, too, leaves one out."""
KEPT = 32


class Ticks:
    """Counts a scheduler's ticks beside its optimizer's updates.

    Args:
        subject: What is watched.
        driver: The scheduler.
        optimizer: What it drives.
    """

    def __init__(self, subject: Subject, driver: Driver, optimizer: Optimizer) -> None:
        self._subject = subject
        self._driver = driver
        self._optimizer = optimizer
        self._rate = self._rate_now
        self._others_write = False
        self._fresh = never_stepped(optimizer)
        self._first = self._last = self._tick
        self._updates = self._since = 0
        self._ticked: list[int] = []
        self._doubled: list[int] = []

    @property
    def _tick(self) -> Any:
        """The scheduler's tick, or that of the first in a chain; None where neither tells one."""
        found = _tick_of(self._driver.scheduler)
        return _tick_of(self._driver.parts[0]) if found is None else found

    def update(self) -> Iterator[Finding]:
        """An update is about to be made."""
        self._updates += 1
        now = self._tick
        if now == self._last or now is None:
            self._others_write |= self._rate_now is not self._rate
            return
        ticks, self._last = now - (self._last or 0), now
        if self._updates == 1:
            yield from self._before_all(ticks)
        elif ticks > 0:
            self._since += ticks
            self._note(ticks)
            yield from self._uneven()

    def end(self) -> Iterator[Finding]:
        """Training is over, or is no longer watched."""
        ticked = self._tick != self._first or self._first is None
        if ticked:
            return
        if self._updates >= FEWEST and not self._first and not self._waits and self._is_missed():
            message = f"{self._name} was not stepped once in {self._updates:,} updates."
            fix = (
                "Call scheduler.step() after each optimizer.step(), or after each epoch; where epochs are "
                "watched one by one, watch the whole loop, with these steps in it."
            )
            yield IDLE.finding(message, fix)

    @property
    def _name(self) -> str:
        return self._driver.name

    @property
    def _waits(self) -> bool:
        """Whether it is stepped by a metric, whenever there is one."""
        return isinstance(self._driver.scheduler, ReduceLROnPlateau)

    @property
    def _rate_now(self) -> Any:
        groups = self._optimizer.param_groups  # a load makes others
        return groups[0].get("lr") if groups else None

    def _is_missed(self) -> bool:
        """Whether its ticks would have changed a rate, and nobody else, as a Trainer's own, writes them."""
        if self._others_write:
            return False
        course = course_of(self._subject, self._driver)
        ahead = () if course is None else [rates[: self._updates + 1] for rates in course.rates]
        return not ahead or any(len(set(rates)) > 1 for rates in ahead)

    def _before_all(self, ticks: Any) -> Iterator[Finding]:
        if self._fresh and ticks == 1 and not self._first and not self._waits:
            message = f"{self._name} was stepped before the first update: its first value was passed over."
            fix = "Call optimizer.step() first and scheduler.step() after it."
            yield UNEVEN.finding(message, fix)

    def _note(self, ticks: Any) -> None:
        kept = self._ticked if ticks == 1 else self._doubled
        kept.append(self._updates)
        del kept[:-KEPT]

    def _uneven(self) -> Iterator[Finding]:
        if self._waits:
            return
        told = None
        if self._updates >= ENOUGH and self._since >= 2 * (self._updates - 1):
            told = f"{self._since:,} times in {self._updates - 1:,} updates"
        elif (every := _regular(self._doubled)) and self._since > self._updates:
            told = f"once an update and once more every {every:,} updates"
        elif gaps := _irregular(self._ticked):
            told = f"after {', '.join(map(str, gaps))} updates"
        if told is not None:
            message = f"{self._name} was stepped {told}."
            fix = (
                "Call scheduler.step() at one place: where optimizer.step() was called (with accumulation "
                "not for each batch), or at the end of an epoch."
            )
            yield UNEVEN.finding(message, fix)


def _tick_of(scheduler: Any) -> Any:
    try:
        found = scheduler.last_epoch
    except Exception:  # noqa: BLE001  # a scheduler may be anything that has a step
        return None
    return found if isinstance(found, (int, float)) else None


def never_stepped(optimizer: Optimizer) -> bool:
    """Whether nothing tells of a step that was made before."""
    return not getattr(optimizer, "_opt_called", False) and not optimizer.state


def _regular(places: list[int]) -> int | None:
    """The distance at which something happened again and again; None where there is none."""
    gaps = [after - before for before, after in pairwise(places[-REGULAR - 1 :])]
    same = len(gaps) == REGULAR and len(set(gaps)) == 1
    return gaps[0] if same and 1 < gaps[0] <= LONGEST else None


def _irregular(places: list[int]) -> list[int]:
    """Distances that go up and down again and again by a lot."""
    gaps = [after - before for before, after in pairwise(places)][-2 * REGULAR :]
    turns = [b > max(a, c) or b < min(a, c) for a, b, c in zip(gaps, gaps[1:], gaps[2:], strict=False)]
    wide = len(gaps) == 2 * REGULAR and max(gaps) >= 3 * min(gaps)
    return gaps if wide and sum(turns) >= REGULAR else []
