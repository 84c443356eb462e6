"""What a load does to schedulers: torch's take over what they are given, entry by entry."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from paramgroups.auditing.objects import Driver
from paramgroups.auditing.resumes.kinds import UNSCHEDULED
from paramgroups.auditing.resumes.saved_runs import SavedRun
from paramgroups.auditing.subject import Subject, number
from paramgroups.errors import Finding, counted, listing, shown
from paramgroups.optim.saved import GROUPS

OURS = frozenset({"journal", "feedback", "guards"})
WITHIN = "_schedulers"
COMMON = frozenset(
    {
        "base_lrs",
        "base_values",
        "last_epoch",
        "verbose",
        "default_min_lr",
        "min_lrs",
        "mode_worse",
        "use_beta1",
    }
)
"""Entries that many classes have, or that some versions of torch have and others lack."""
LENGTHS = (
    "T_max", "total_steps", "total_iters", "T_0", "T_mult", "step_size", "milestones", "_milestones",
    "total_size", "t_initial", "warmup_t", "decay_t",
)  # fmt: skip
VALUES = (
    "gamma", "eta_min", "start_factor", "end_factor", "power", "factor", "patience", "cooldown", "threshold",
    "mode", "swa_lr", "lr_min",
)  # fmt: skip

State = Mapping[str, Any]


def schedules(subject: Subject, run: SavedRun) -> Iterator[Finding]:
    """Saved states of schedulers that do not fit the live ones."""
    for place, driver in enumerate(subject.drivers):
        if place < len(run.schedulers):
            yield from _fits(subject, driver, run.schedulers[place])
        elif not run.alone and not run.schedulers and _was_driven(run) and _begins(driver):
            message = (
                f"The checkpoint holds no scheduler's state, and a scheduler drove what was saved: "
                f"{driver.name} would begin again at its first step. It holds: {run.keys}."
            )
            yield UNSCHEDULED.finding(message, "Save it too: 'scheduler': scheduler.state_dict().")


def _was_driven(run: SavedRun) -> bool:
    """Whether a scheduler of torch's kind has left the first rates in the saved groups, by a step or more."""
    groups = [one for state in run.optimizers for one in state[GROUPS] if isinstance(one, Mapping)]
    return any(number(one.get("initial_lr")) is not None for one in groups)


def _begins(driver: Driver) -> bool:
    """Whether it stands at its first step, and is one that keeps count in the way of torch."""
    return hasattr(driver.scheduler, "_step_count") and driver.scheduler.last_epoch == 0


def _fits(subject: Subject, driver: Driver, saved: Any) -> Iterator[Finding]:
    if not isinstance(saved, Mapping):
        return
    if driver.is_ours or saved.keys() >= OURS:
        yield from _ours(driver, saved)
        return
    wrong = list(_wrong(driver.name, _state(driver.scheduler), saved))
    count = sum(group.optimizer is driver.optimizer for group in subject.groups)
    bases = saved.get("base_lrs", saved.get("base_values"))
    if isinstance(bases, list | tuple) and len(bases) != count > 0:
        wrong.append(f"it has the rates of {counted(len(bases), 'group')}, and here are {count:,}")
    if wrong:
        message = f"The saved state does not fit {driver.name}: {listing(wrong)}."
        yield UNSCHEDULED.finding(message, _fix(driver, wrong))


def _ours(driver: Driver, saved: State) -> Iterator[Finding]:
    """A plan goes by its own horizon; a tick has to be what it was."""
    wrong = None
    if not (driver.is_ours and saved.keys() >= OURS):
        whose = "is of pg.Scheduler" if saved.keys() >= OURS else f"has {listing(map(str, saved))}"
        wrong = f"it {whose}, and is loaded into {driver.name}"
    elif saved.get("unit") != (unit := driver.scheduler.plan.horizon.unit):
        wrong = f"a tick was one {saved.get('unit')} then, and is one {unit} in this plan"
    if wrong:
        message = f"The saved state of the scheduler does not fit: {wrong}; the load raises."
        yield UNSCHEDULED.finding(
            message, "Plan with the same of steps= and epochs=, and load what was saved of it."
        )


def _state(scheduler: Any) -> State:
    """What a live scheduler would save; nothing where it is asked in vain."""
    try:
        found = scheduler.state_dict()
    except Exception:  # noqa: BLE001  # a scheduler may be anybody's
        return {}
    return found if isinstance(found, Mapping) else {}


def _wrong(name: str, live: State, saved: State) -> Iterator[str]:
    """What of a saved state is another's, or was another."""
    if not live:
        return
    mine, theirs = _own(live), _own(saved)
    if mine != theirs:
        yield f"it is another class's, with {_keys(theirs)} where {name} has {_keys(mine)}"
        return
    for key in (*LENGTHS, *VALUES):
        if key in saved and not _same(saved[key], live[key]):
            yield f"{key} {_plain(live[key])} here would become {_plain(saved[key])}"
    yield from _lambdas(live.get("lr_lambdas"), saved.get("lr_lambdas"))
    yield from _inside(live.get(WITHIN), saved.get(WITHIN))


def _own(state: State) -> set[str]:
    """The entries that tell a class from others."""
    told = {key for key in state if isinstance(key, str) and not key.startswith("_")}
    return (told - COMMON) | ({WITHIN, "_milestones"} & state.keys())


def _keys(found: set[str]) -> str:
    return listing(sorted(found)) or "none of its own"


def _lambdas(live: Any, saved: Any) -> Iterator[str]:
    """Functions are not saved; what objects hold that are called in their place is."""
    if not isinstance(live, list) or not isinstance(saved, list):
        return
    if len(live) != len(saved):
        yield f"it has {counted(len(saved), 'lambda')}, and here are {len(live):,}"
        return
    for place, (mine, theirs) in enumerate(zip(live, saved, strict=True)):
        if isinstance(mine, dict) and isinstance(theirs, dict):
            changed = [key for key in theirs if key in mine and not _same(theirs[key], mine[key])]
            yield from (
                f"{key} {_plain(mine[key])} of lambda {place} would become {_plain(theirs[key])}"
                for key in changed
            )


def _inside(live: Any, saved: Any) -> Iterator[str]:
    """The schedulers of a chain or a sequence, in turn."""
    if not isinstance(live, list | tuple) or not isinstance(saved, list | tuple):
        return
    if len(live) != len(saved):
        yield f"it is of {counted(len(saved), 'scheduler')}, and here are {len(live):,}"
        return
    for place, (mine, theirs) in enumerate(zip(live, saved, strict=True)):
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            yield from (f"scheduler {place}: {one}" for one in _wrong("the one here", mine, theirs))


def _same(then: Any, now: Any) -> bool:
    if isinstance(then, Tensor) or isinstance(now, Tensor):
        then, now = (one.tolist() if isinstance(one, Tensor) else one for one in (then, now))
    if isinstance(then, tuple) or isinstance(now, tuple):
        then, now = (list(one) if isinstance(one, tuple) else one for one in (then, now))
    return bool(then == now)


def _plain(value: Any) -> str:
    return shown(sorted(value) if isinstance(value, dict) else value)


def _fix(driver: Driver, wrong: list[str]) -> str:
    key = next((key for key in LENGTHS if wrong[0].startswith(f"{key} ")), None)
    if key is not None and hasattr(driver.scheduler, key):
        value = getattr(driver.scheduler, key)
        return (
            f"Set it again after the load: scheduler.{key} = {_plain(value)}; or do not load it, and step it."
        )
    return "Build the scheduler and the groups as they were saved, or do not load its state."
