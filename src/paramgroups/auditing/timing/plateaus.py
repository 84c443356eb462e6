"""Plateaus that cannot cut: a group whose rate lies below the least cut, or below its floor."""

from collections.abc import Iterator
from typing import Any

from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.objects import Driver
from paramgroups.auditing.subject import Check, Group, Subject, number
from paramgroups.auditing.timing.driven import trained_groups
from paramgroups.errors import Finding, listing

UNCUT = Kind(
    "PG143", "warning", "a plateau that never cuts a group",
    "A cut that is smaller than eps, or that would go below min_lr, is left out without a word: the other "
    "groups go down, and this one stays.",
)  # fmt: skip

LIKE_IT = ("min_lrs", "factor", "eps", "patience", "last_epoch")
"""transformers' GreedyLR cuts in the same way, and has a floor of 0.001 unless told."""


def uncut(subject: Subject) -> Iterator[Finding]:
    """Groups that a plateau passes over."""
    for driver in subject.drivers:
        for part in _plateaus(driver):
            groups = trained_groups(subject, driver)
            told = [(group, one) for group in groups if (one := _passed_over(part, group))]
            for fix in dict.fromkeys(fix for _, (_, fix) in told):
                mine = [(group, message) for group, (message, its) in told if its == fix]
                names = [name for group, _ in mine for name in group.names]
                rest = listing([group.label for group, _ in mine[1:]])
                message = f"{mine[0][1]} So it is with {rest}." if rest else mine[0][1]
                yield UNCUT.finding(message, fix, names)


def _plateaus(driver: Driver) -> Iterator[Any]:
    for part in driver.parts:
        for one in (part, getattr(part, "lr_scheduler", None)):  # timm has torch's within its own
            if isinstance(one, ReduceLROnPlateau) or all(hasattr(one, name) for name in LIKE_IT):
                yield one


def _passed_over(plateau: Any, group: Group) -> tuple[str, str] | None:
    rate, floor, eps = group.value("lr"), _floor(plateau, group.number), number(plateau.eps)
    if not rate or floor is None or eps is None:
        return None
    if floor > rate:
        return (
            f"{group.label[0].upper()}{group.label[1:]} has the rate {rate:.3g}, below min_lr={floor:.3g}.",
            "A floor for each group: min_lr=[0.01 * g['lr'] for g in optimizer.param_groups].",
        )
    cut = rate - max(rate * plateau.factor, floor if isinstance(plateau, ReduceLROnPlateau) else 0.0)
    if cut > eps or plateau.last_epoch > plateau.patience:  # a rate that has been cut may well be at its end
        return None
    if rate == floor and isinstance(plateau, ReduceLROnPlateau):
        return (
            f"{group.label[0].upper()}{group.label[1:]} has the rate {rate:.3g}, which is min_lr.",
            "A floor for each group: min_lr=[0.01 * g['lr'] for g in optimizer.param_groups].",
        )
    message = (
        f"A cut of {group.label} from {rate:.3g} to {rate * plateau.factor:.3g} is not above "
        f"eps={eps:.3g}, so it is never made."
    )
    return message, f"{type(plateau).__name__}(optimizer, …, eps=0.0)."


def _floor(plateau: Any, place: int) -> float | None:
    floors = plateau.min_lrs
    return number(floors[place]) if place < len(floors) else number(getattr(plateau, "default_min_lr", None))


KINDS = (UNCUT,)
CHECKS: tuple[Check, ...] = (uncut,)
