"""Keys of groups that nobody reads: settings that do nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from math import isclose
from typing import Any, NamedTuple

from torch.optim import Optimizer

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.looks.reads import texts_in, texts_of
from paramgroups.auditing.steppers import is_one_pass, is_torch, listed
from paramgroups.auditing.subject import Check, Group, Subject, number
from paramgroups.errors import Finding, listing, shown
from paramgroups.optim.hyperparameters import SWITCHES
from paramgroups.optim.optimizer import KEYS as OF_ANY
from paramgroups.optim.optimizer import OPTIMIZER
from paramgroups.run.abilities import stepping

MISSPELT = Kind(
    "PG110", "error", "a key that is near a real one",
    "Optimizers take any key and pass over what they do not know, so the group runs on the default instead.",
)  # fmt: skip
UNREAD = Kind(
    "PG111", "warning", "a number under a key that nobody reads",
    "No code of the optimizer or of the schedulers reads it. A training loop may apply it by hand at each "
    "step, which cannot be seen from here; else it does nothing.",
)  # fmt: skip

KEPT = frozenset(
    {*OF_ANY, *SWITCHES, "lr", "maximize", "decoupled_weight_decay", "swa_lr", "max_lr", "min_lr"}
    | {"max_momentum", "base_momentum", "min_momentum"}
)
"""What torch and its schedulers write into any group, and leave there in a resumed run."""
LABELS = frozenset({"params", "param_names", "name"})
OTHER_WORDS = {
    "learning_rate": "lr", "wd": "weight_decay", "beta1": "betas", "beta2": "betas", "epsilon": "eps",
}  # fmt: skip
"""What other frameworks call what torch calls otherwise."""
MULTIPLIERS = ("mult", "mul", "scale", "factor", "ratio", "multiplier")
HYPER_WORDS = (
    *MULTIPLIERS,
    "lr",
    "decay",
    "rate",
    "beta",
    "betas",
    "momentum",
    "eps",
    "wd",
    "grad",
    "clip",
    "norm",
)
CLOSE = 0.8
"""How much of two words is alike where one is the other misspelt: not `layer` and `lr`."""


class Unread(NamedTuple):
    """A key that an optimizer's groups have and nobody reads.

    Attributes:
        key: It.
        groups: Those that have it.
        meant: The key that it is near; None where it is near none.
    """

    key: str
    groups: list[Group]
    meant: str | None


def misspelt(subject: Subject) -> Iterator[Finding]:
    """Numbers under keys that are near one which the optimizer reads."""
    for one in _unread(subject):
        if one.meant is not None:
            what = type(one.groups[0].optimizer).__name__
            message = f'{_told(one)}, which {what} never reads. Nearest: "{one.meant}".'
            fix = f'Write "{one.meant}".'
            yield MISSPELT.finding(message, fix, listed(one.groups))


def unread(subject: Subject) -> Iterator[Finding]:
    """Numbers under any other keys that nobody reads."""
    for one in _unread(subject):
        if one.meant is None and not _is_applied(one):
            readers = " and ".join([type(one.groups[0].optimizer).__name__, *_schedulers(subject)])
            message = f"{_told(one)}, and nothing in the code of {readers} reads that key."
            yield UNREAD.finding(message, _fix(one.key), listed(one.groups))


def _fix(key: str) -> str:
    words = _words(key)
    if not _is_multiplier(key):
        return f'Take "{key}" out, or write the key that the optimizer reads: {{**group, …}}.'
    real = "weight_decay" if words & {"decay", "wd"} else "lr"
    return (
        "Apply it once, before the scheduler is built: for group in optimizer.param_groups: "
        f'group["{real}"] *= group.pop("{key}", 1.0). Or say it in a recipe: pg.rule("…", {real}_scale=…).'
    )


def _told(one: Unread) -> str:
    values = listing(dict.fromkeys(shown(group.settings[one.key]) for group in one.groups), 4)
    where = listing([group.label for group in one.groups], 3)
    return f'{where[0].upper()}{where[1:]} {"has" if len(one.groups) == 1 else "have"} "{one.key}" ({values})'


def _schedulers(subject: Subject) -> list[str]:
    return [driver.name for driver in subject.drivers]


def _unread(subject: Subject) -> Iterator[Unread]:
    for optimizer in subject.optimizers:
        groups = [group for group in subject.groups if group.optimizer is optimizer]
        plain = _plain(optimizer)
        unknown = {key for group in groups for key in group.settings.keys() - plain}
        if unknown and (unknown := unknown - _read(subject, optimizer)):
            yield from filter(None, (_judged(key, groups, optimizer) for key in sorted(unknown, key=str)))


def _plain(optimizer: Optimizer) -> frozenset[str]:
    return KEPT | optimizer.defaults.keys() | stepping(optimizer).defaults.keys()


def _read(subject: Subject, optimizer: Optimizer) -> frozenset[str]:
    """What the code reads that could have to do with this optimizer; torch's own read their defaults."""
    hooks = [
        *_hooks(optimizer, "_optimizer_step_pre_hooks"),
        *_hooks(optimizer, "_optimizer_step_post_hooks"),
    ]
    readers = [one for driver in subject.drivers for one in (driver.scheduler, *driver.parts)]
    classes: set[type] = {type(one) for one in (readers if is_torch(optimizer) else [optimizer, *readers])}
    return frozenset(texts_in(hooks)).union(*map(texts_of, classes))


def _hooks(optimizer: Optimizer, name: str) -> Iterable[Callable[..., Any]]:
    found = getattr(optimizer, name, None)
    return list(found.values()) if isinstance(found, Mapping) else ()


def _judged(key: Any, groups: list[Group], optimizer: Optimizer) -> Unread | None:
    """A key that is no label, with what it is near."""
    having = [group for group in groups if key in group.settings and not _is_lent(group)]
    values = [group.settings[key] for group in having]
    if not isinstance(key, str) or not all(_is_setting(value) for value in values):
        return None
    meant = _near(key, frozenset(optimizer.defaults.keys() - {*SWITCHES, *LABELS}))
    if meant is None and not _is_hyper(key, values, everywhere=len(having) == len(groups)):
        return None
    return Unread(key, having, meant) if having else None


def _is_lent(group: Group) -> bool:
    """Whether another class steps the group, which reads what it knows."""
    return is_one_pass(group.optimizer) and group.settings.get(OPTIMIZER) is not None


def _is_setting(value: object) -> bool:
    """Whether a value is a number, a switch, or a tuple of them such as `betas`."""
    if isinstance(value, tuple):
        return bool(value) and all(map(_is_setting, value))
    return isinstance(value, bool) or number(value) is not None


def _is_hyper(key: str, values: list[Any], *, everywhere: bool) -> bool:
    """Whether a key of no known name looks like a setting, not like a label.

    A number that all groups have alike may be a default of a wrapper, such as the `rho` of SAM.
    """
    if any(isinstance(value, tuple) for value in values):
        return False
    numbers = set(map(number, values))
    if not _words(key).isdisjoint(HYPER_WORDS):
        return numbers != {1.0} or not _is_multiplier(key)
    alike = everywhere and len(numbers) == 1
    return not alike and all(isinstance(value, float) for value in values)


def _words(key: str) -> set[str]:
    return set(key.lower().replace("-", "_").split("_"))


def _is_multiplier(key: str) -> bool:
    return not _words(key).isdisjoint(MULTIPLIERS)


@lru_cache(maxsize=1024)
def _near(key: str, known: frozenset[str]) -> str | None:
    if (meant := OTHER_WORDS.get(key)) in known:
        return meant
    if _is_multiplier(key):
        return None
    return next(iter(get_close_matches(key, sorted(known), n=1, cutoff=CLOSE)), None)


def _is_applied(one: Unread) -> bool:
    """Whether the rates, or the decays, are as the numbers under the key already."""
    settings = {"lr", "initial_lr", "weight_decay"} - {one.key}
    return any(_is_in_step(one, setting) for setting in settings)


def _is_in_step(one: Unread, setting: str) -> bool:
    """Whether a setting is the number under the key times the same in all groups that have it."""
    pairs = [(number(group.settings[one.key]), group.value(setting)) for group in one.groups]
    known = [(mine, its) for mine, its in pairs if mine is not None and its is not None]
    if len(known) < len(pairs) or not any(mine for mine, _ in known):
        return False
    factor = next(its / mine for mine, its in known if mine)
    equal = isclose(factor, 1.0) and not _is_multiplier(one.key)
    told = equal or len({mine for mine, _ in known}) > 1
    return told and factor > 0 and all(isclose(its, factor * mine, rel_tol=1e-6) for mine, its in known)


KINDS = (MISSPELT, UNREAD)
CHECKS: tuple[Check, ...] = (misspelt, unread)
