"""What a schedule will do to the rates: it is stepped ahead as a copy, on a stand-in for the optimizer."""

import copy
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from types import MethodType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from torch.optim import SGD, Optimizer
from torch.optim import lr_scheduler as torchs

from paramgroups.auditing.objects import Driver
from paramgroups.auditing.result import Rates
from paramgroups.auditing.subject import Group, Subject
from paramgroups.auditing.timing.driven import groups_of, is_alone, present_tick
from paramgroups.auditing.timing.functions import functions_of, that_changes_things
from paramgroups.auditing.timing.spans import training_ticks
from paramgroups.errors import ParamGroupsError

MOST_TICKS = 1_000
MOST_WORK = 200_000
"""So many rates are computed at most: ticks times groups."""
NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Course:
    """The rates that a schedule will give.

    Attributes:
        groups: The groups that it drives.
        ticks: The ticks that were looked at, from the present one on; not all of them where they are many.
        rates: Each group's rate at these ticks; NaN stands for what is no number.
        ended: With what the next tick ended; None where all were taken.
    """

    groups: tuple[Group, ...]
    ticks: tuple[int, ...]
    rates: tuple[tuple[float, ...], ...]
    ended: str | None = None


class _UnlikeItselfError(Exception):
    """A schedule cannot be looked at without being changed."""


_COURSES: WeakKeyDictionary[Subject, dict[Driver, Course | str | None]] = WeakKeyDictionary()


def course_of(subject: Subject, driver: Driver) -> Course | None:
    """What a scheduler will do; None where that depends on metrics, or cannot be told."""
    found = _looked_ahead(subject)[driver]
    return found if isinstance(found, Course) else None


def refusals(subject: Subject) -> Iterator[tuple[Driver, str]]:
    """The schedulers that cannot be stepped ahead, and why."""
    for driver, found in _looked_ahead(subject).items():
        if isinstance(found, str):
            yield driver, found


def rates(subject: Subject) -> dict[str, Rates]:
    """Each group's rate now, and after the ticks that were looked at; a plan's are as they were planned."""
    found = {}
    for group in subject.groups:
        if (now := group.value("lr")) is not None:
            found[group.label] = Rates(now, now, 0)
    for driver in subject.drivers:
        if driver.is_ours:
            with suppress(ParamGroupsError):  # its own checks say what is wrong
                found |= _planned(subject, driver)
        elif is_alone(subject, driver) and (course := course_of(subject, driver)):
            ticks = course.ticks[-1] - course.ticks[0]
            lines = zip(course.groups, course.rates, strict=True)
            found |= {group.label: Rates(line[0], line[-1], ticks) for group, line in lines}
    return found


def _planned(subject: Subject, driver: Driver) -> dict[str, Rates]:
    plan, tick = driver.scheduler.plan, present_tick(driver) or 0
    end = plan.horizon.ticks
    ticks = MOST_TICKS if end is None else max(0, min(MOST_TICKS, end - 1 - tick))
    rows, found = plan.at(tick + ticks), {}
    for group in groups_of(subject, driver):
        name = next((name for name in group.names if name in subject.tensors), None)
        if name is not None and (now := group.value("lr")) is not None:
            found[group.label] = Rates(now, plain(rows[name].lr), ticks)
    return found


def plain(rate: Any) -> float:
    """A rate as a number; NaN for what is none."""
    try:
        return float(rate)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return NAN


@contextmanager
def untouched() -> Iterator[None]:
    """Foreign code runs in here without a word and without moving a generator of random numbers."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002  # users' functions draw from it
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002  # likewise
        random.setstate(states[2])


def _looked_ahead(subject: Subject) -> dict[Driver, Course | str | None]:
    if subject not in _COURSES:
        _COURSES[subject] = {driver: _tried(subject, driver) for driver in subject.drivers}
    return _COURSES[subject]


def _tried(subject: Subject, driver: Driver) -> Course | str | None:
    try:
        with untouched():
            return _simulated(subject, driver)
    except _UnlikeItselfError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # a schedule is foreign code
        return f"a copy of it ends with {type(error).__name__}: {error}"


def _simulated(subject: Subject, driver: Driver) -> Course | None:
    groups = groups_of(subject, driver)
    if not groups or not _is_simple(driver):
        return None
    real = groups[0].optimizer
    stand_in = _stand_in(real)
    memo: dict[int, Any] = {id(tensor): tensor for tensor in subject.tensors.values()}
    memo |= {id(subject.model): subject.model, id(real): stand_in}
    memo |= {id(part.optimizer): stand_in for part in (driver.scheduler, *driver.parts)}
    memo |= _shared(driver)
    scheduler = copy.deepcopy(driver.scheduler, memo)
    ticks = _ticks(subject, driver, len(groups))
    taken, ended = _walked(scheduler, stand_in, ticks)
    return Course(groups, tuple(ticks[: len(taken)]), tuple(zip(*taken, strict=True)), ended)


def _is_simple(driver: Driver) -> bool:
    """Whether the rates follow from the tick alone, and the scheduler is of a kind that is known."""
    if driver.is_ours or any(isinstance(part, torchs.ReduceLROnPlateau) for part in driver.parts):
        return False
    return isinstance(driver.scheduler, torchs.LRScheduler) or _is_timms(driver.scheduler)


def _is_timms(scheduler: Any) -> bool:
    wanted = ("_get_values", "update_groups", "base_values", "t_in_epochs")
    return all(hasattr(scheduler, name) for name in wanted) and not hasattr(scheduler, "lr_scheduler")


def _stand_in(real: Optimizer) -> SGD:
    """An optimizer with the same groups, each over one number; a tensor that groups share is shared here."""
    clones: dict[int, Tensor] = {}
    made = SGD([torch.zeros(1)], lr=0.0)
    made.defaults = dict(real.defaults)
    params = made.param_groups[0]["params"]
    made.param_groups = [{**_settings(group, clones), "params": params} for group in real.param_groups]
    return made


def _settings(group: dict[str, Any], clones: dict[int, Tensor]) -> dict[str, Any]:
    rates = {key: value for key, value in group.items() if isinstance(value, Tensor)}
    for value in rates.values():
        if id(value) not in clones:
            clones[id(value)] = value.detach().cpu().clone()
    return {**group, **{key: clones[id(value)] for key, value in rates.items()}}


def _shared(driver: Driver) -> dict[int, Any]:
    """The objects whose methods are functions of the schedule: they are not copied, and not to be changed."""
    if (name := that_changes_things(driver.parts)) is not None:
        raise _UnlikeItselfError(f"its function {name} may change something whenever it is called")
    owners = (one.__self__ for one in functions_of(driver.parts) if isinstance(one, MethodType))
    return {id(owner): owner for owner in owners}


def _ticks(subject: Subject, driver: Driver, groups: int) -> Sequence[int]:
    """From the present tick to the end of training, as far as that is known and can be gone."""
    start = max(present_tick(driver) or 0, 0)
    end = training_ticks(driver, subject.horizon)
    left = MOST_TICKS if end is None else max(end - start, 2)
    most = max(2, min(left, MOST_TICKS, MOST_WORK // groups))
    if not _jumps(driver.scheduler) or left <= most:
        return range(start, start + most)
    return sorted({start + round(at * (left - 1) / (most - 1)) for at in range(most)})


def _jumps(scheduler: Any) -> bool:
    """Whether its rates are a function of the tick, so that it can be asked for any."""
    return type(scheduler) is torchs.LambdaLR or _is_timms(scheduler)


def _walked(
    scheduler: Any, stand_in: SGD, ticks: Sequence[int]
) -> tuple[list[tuple[float, ...]], str | None]:
    taken: list[tuple[float, ...]] = []
    for at in ticks:
        try:
            if taken or _is_timms(scheduler):
                _go_to(scheduler, at)
        except Exception as error:  # noqa: BLE001  # a schedule is foreign code
            return taken or [_rates(stand_in)], f"{type(error).__name__}: {error}"
        taken.append(_rates(stand_in))
    return taken, None


def _go_to(scheduler: Any, tick: int) -> None:
    if _is_timms(scheduler):
        scheduler.update_groups(scheduler._get_values(tick, on_epoch=scheduler.t_in_epochs))  # noqa: SLF001  # no other way in
        return
    if _jumps(scheduler):
        scheduler.last_epoch = tick - 1
    scheduler.step()


def _rates(stand_in: SGD) -> tuple[float, ...]:
    return tuple(plain(group.get("lr")) for group in stand_in.param_groups)
