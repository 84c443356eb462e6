"""Groups that are many without need."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.steppers import is_one_pass, listed
from paramgroups.auditing.subject import Check, Group, Subject, number
from paramgroups.errors import Finding
from paramgroups.optim.classes import is_hashable

MANY = Kind(
    "PG130", "advice", "many more groups than distinct settings",
    "torch launches its kernels once for each group, so that each group costs a step time; docs/speed.md "
    "has the figures.",
)  # fmt: skip

FEWEST = 8
"""So few groups cost nothing that can be felt."""
APART = frozenset({"params", "param_names", "name", "lr", "initial_lr"})
"""What names a group, and its rate, which is looked at by itself."""
GIVEN = frozenset({"base_lrs", "_last_lr"})
"""What schedulers keep for each group of what the groups have themselves."""


def many(subject: Subject) -> Iterator[Finding]:
    """Groups with equal settings that could be one."""
    for optimizer in subject.optimizers if subject.plan is None else ():
        groups = [one for one in subject.groups if one.optimizer is optimizer and one.params]
        if len(groups) < FEWEST or is_one_pass(optimizer):
            continue
        alike = _alike(groups, _schedulers_lists(subject, optimizer), optimizer)
        if 2 * len(alike) <= len(groups):
            message = (
                f"{type(optimizer).__name__} has {len(groups):,} groups with {len(alike):,} different "
                f"settings: {len(alike):,} would do."
            )
            fix = (
                "Put parameters with equal settings into one group. pg.plan(model, recipe).param_groups() "
                "does it; pg.Optimizer steps any number of groups in one pass."
            )
            yield MANY.finding(message, fix, listed(one for same in alike if len(same) > 1 for one in same))


def _alike(groups: list[Group], lists: list[list[Any]], optimizer: Optimizer) -> list[list[Group]]:
    found: dict[Any, list[Group]] = {}
    for group in groups:
        found.setdefault(_settings(group, lists, optimizer), []).append(group)
    return list(found.values())


def _settings(group: Group, lists: list[list[Any]], optimizer: Optimizer) -> Any:
    """All that tells how a group is stepped, as one value to compare by."""
    own = group.settings
    rate = own.get("lr") if own.get("initial_lr") is None else own.get("initial_lr")
    told = [
        (key, value)
        for key, value in own.items()
        if key not in APART and not _is_label(key, value, optimizer)
    ]
    whole = (_plain(rate), tuple(sorted(told)), tuple(_plain(one[group.number]) for one in lists))
    return whole if is_hashable(whole) else repr(whole)


def _is_label(key: str, value: object, optimizer: Optimizer) -> bool:
    return isinstance(value, str) or (key not in optimizer.defaults and number(value) is None)


def _schedulers_lists(subject: Subject, optimizer: Optimizer) -> list[list[Any]]:
    """What schedulers keep for each group, such as its own lambda or its own floor."""
    count = len(optimizer.param_groups)
    parts = [part for driver in subject.drivers for part in (driver.scheduler, *driver.parts)]
    held = [item for part in parts for item in getattr(part, "__dict__", {}).items()]
    return [one for key, one in held if key not in GIVEN and isinstance(one, list) and len(one) == count]


def _plain(value: Any) -> Any:
    """What can be compared by value; of all else, which it is."""
    found = number(value) if isinstance(value, Tensor) else value
    return id(value) if found is None or not isinstance(found, (int, float, str)) else found


KINDS = (MANY,)
CHECKS: tuple[Check, ...] = (many,)
