"""Values that no group should have: out of their domain, shared, zero, far apart."""

from collections.abc import Iterator
from itertools import pairwise
from math import isfinite
from numbers import Real
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.steppers import is_one_pass, is_torch, listed, peak, rule_of
from paramgroups.auditing.subject import Check, Group, Subject
from paramgroups.errors import Finding, listing, shown
from paramgroups.optim.hyperparameters import DOMAINS, PACKED, Domain

OUTSIDE = Kind(
    "PG112", "error", "a value of the wrong type or out of its domain",
    "Values of groups are not checked as the optimizer's own defaults are: the step fails later, climbs, or "
    "fills the weights with NaN.",
)  # fmt: skip
ONE_TENSOR = Kind(
    "PG113", "error", "one tensor is the rate of several groups",
    "Schedulers write into it in place, so that each group's write changes the rates of all others.",
)  # fmt: skip
ZERO = Kind(
    "PG114", "warning", "frozen by a rate of 0",
    "Gradients are computed and the optimizer's state goes on: with momentum the first step at a real rate "
    "is many steps in one.",
)  # fmt: skip
FAR = Kind(
    "PG115", "warning", "rates more than 100 times apart",
    "The slow part hardly moves while the fast one trains; more often than not a digit was lost.",
)  # fmt: skip

KNOWN = {key: domain for key, domain in DOMAINS.items() if key != "clip_norm"} | {
    key: DOMAINS[f"{part}1"] for key, part in PACKED.items()
}
"""By the key of a group; a tuple is of its domain part by part."""
OF_ALL = ("lr", "weight_decay", "betas", "momentum")
"""What means the same in the classes of others too."""
FARTHEST = 100.0
LADDER = 4.0
"""Rates in steps no longer than this are a layer decay, however many steps it has."""


def outside(subject: Subject) -> Iterator[Finding]:
    """Values that are no number, or none that the setting may be."""
    found: dict[tuple[str, str], list[Group]] = {}
    for group, key, value in _suspects(subject):
        found.setdefault((key, shown(value)), []).append(group)
    for (key, value), groups in found.items():
        where = listing([group.label for group in groups], 3)
        default = groups[0].optimizer.defaults[key]
        what = f"{len(default)} numbers, each" if isinstance(default, (tuple, list)) else "a number"
        message = f"{where[0].upper()}{where[1:]}: {key} is {value}, and it is {what} {KNOWN[key]}."
        yield OUTSIDE.finding(message, _fix(key, groups[0]), listed(groups))


def _fix(key: str, group: Group) -> str:
    default = group.optimizer.defaults[key]
    if isinstance(default, (tuple, list)):
        return f'Write as many: {{"params": …, "{key}": {shown(default)}}}.'
    reading = " YAML reads 1e-4 as a text, and 1.0e-4 as a number."
    return f'Write a number: {{"params": …, "{key}": …}}.{reading * isinstance(group.settings[key], str)}'


def one_tensor(subject: Subject) -> Iterator[Finding]:
    """Rates that are one tensor."""
    found: dict[int, list[Group]] = {}
    for group in subject.groups:
        rate = group.settings.get("lr")
        if isinstance(rate, Tensor):
            found.setdefault(id(rate), []).append(group)
    for groups in found.values():
        if len(groups) > 1:
            where = listing([group.label for group in groups], 3)
            message = f"The rates of {len(groups)} groups are one tensor: {where}."
            fix = 'Give each its own: for group in optimizer.param_groups: group["lr"] = group["lr"].clone().'
            yield ONE_TENSOR.finding(message, fix, listed(groups))


def zero(subject: Subject) -> Iterator[Finding]:
    """Trainable parameters at a rate of 0.

    Where all have 0 under a scheduler, it may well write the rates itself.
    """
    live = [] if subject.plan is not None else _live(subject)
    still = {id(group) for group in live if group.base == 0 and not peak(group)}
    if still and (any(group.base for group in live) or not subject.drivers):
        names = [row.name for group, row, _ in subject.trained if id(group) in still]
        message = f"{len(names):,} trainable parameters have a rate of 0: {listing(names)}."
        fix = (
            "Freeze them: parameter.requires_grad_(False), and leave them out of the optimizer; or "
            'pg.rule("…", trainable=False, until=…), which thaws them with a clean state.'
        )
        yield ZERO.finding(message, fix, names)


def far(subject: Subject) -> Iterator[Finding]:
    """Rates that lie far apart, and not in the small steps of a layer decay."""
    if subject.plan is not None:
        return
    for groups in _rivals(_live(subject)):
        rates = sorted({rate for group in groups if (rate := group.base) and rate > 0})
        if rates and rates[-1] > FARTHEST * rates[0] * (1 + 1e-9) and not _is_ladder(rates):
            slow, fast = ([group for group in groups if group.base == one] for one in (rates[0], rates[-1]))
            message = (
                f"{fast[0].label} has the rate {rates[-1]:g} and {slow[0].label} {rates[0]:g}: "
                f"{rates[-1] / rates[0]:,.0f} times apart."
            )
            fix = "Look at both numbers. A part that should not move at all is frozen: requires_grad_(False)."
            yield FAR.finding(message[0].upper() + message[1:], fix, listed([*slow, *fast]))


def _suspects(subject: Subject) -> Iterator[tuple[Group, str, Any]]:
    """Each value that is not what it should be; equal ones of an optimizer are looked at once."""
    sound: set[tuple[Any, ...]] = set()
    known = {id(one): _known(one) for one in subject.optimizers}
    for group in subject.groups:
        judged = known[id(group.optimizer)]
        for key, value in group.settings.items():
            if key not in judged:
                continue
            mark = (id(group.optimizer), key, type(value), _mark(value))
            if mark in sound:
                continue
            default = group.optimizer.defaults[key]
            if _is_alike(value, default, KNOWN[key]) or value is default is None:
                sound.add(mark)
            else:
                yield group, key, value


def _known(optimizer: Optimizer) -> frozenset[str]:
    keys = KNOWN if is_torch(optimizer) or is_one_pass(optimizer) else OF_ALL
    return frozenset(key for key in keys if key in optimizer.defaults)


def _mark(value: object) -> Any:
    return value if isinstance(value, (int, float, str)) else id(value)


def _is_alike(value: object, default: object, domain: Domain) -> bool:
    """Whether a value is a number of a domain, or as many of them as the default is."""
    if not isinstance(default, (tuple, list)):
        return _fits(value, domain)
    if not isinstance(value, (tuple, list)) or len(value) != len(default):
        return False
    return all(one is None or _fits(one, domain) for one in value)


def _fits(value: object, domain: Domain) -> bool:
    """Whether a value is a number of a domain; what cannot be read is believed."""
    if isinstance(value, Tensor):
        return value.is_meta or value.numel() != 1 or _fits(value.item(), domain)
    if not isinstance(value, Real):
        return False
    try:
        found = float(value)
    except OverflowError:
        return False
    return isfinite(found) and found in domain


def _live(subject: Subject) -> list[Group]:
    """The groups that hold something trainable of the model."""
    found = {id(group): group for group, _, _ in subject.trained}
    return list(found.values())


def _rivals(groups: list[Group]) -> list[list[Group]]:
    """Groups whose rates can be compared: stepped by one rule."""
    found: dict[tuple[int, str], list[Group]] = {}
    for group in groups:
        found.setdefault((id(group.optimizer), rule_of(group)), []).append(group)
    return list(found.values())


def _is_ladder(rates: list[float]) -> bool:
    return len(rates) > 2 and all(high <= LADDER * low for low, high in pairwise(rates))  # noqa: PLR2004  # a ladder has three rungs


KINDS = (OUTSIDE, ONE_TENSOR, ZERO, FAR)
CHECKS: tuple[Check, ...] = (outside, one_tensor, zero, far)
