"""Looks at weights while training runs: a few numbers of a few tensors of each group."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

import torch
from torch import Tensor

from paramgroups.auditing.measures import norm_of, part_of
from paramgroups.auditing.steppers import searches
from paramgroups.auditing.subject import Group, Subject, number
from paramgroups.auditing.watches.kinds import NONFINITE, RAN_AWAY
from paramgroups.errors import Finding

SAMPLE = 16_384
"""Numbers of a tensor that are looked at."""
OF_EACH = 2
"""Tensors of a group whose steps are followed."""
MOST = 64
"""Tensors in all."""
LARGEST, LEAST = 0.1, 0.05
"""Of a step by the weights: what is told, and what is never."""
TIMES = 10.0
ENOUGH = 5
ON_END = 5
"""As many large steps one after the other are no beginning, and no odd batch."""
KEPT = 32
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Of these a norm can be taken."""


@dataclass(eq=False)
class Followed:
    """A tensor whose steps are followed.

    Attributes:
        name: Its name.
        tensor: It.
        group: Its group.
        ratios: What steps were of it, by the rate.
        over: How often on end they were too large.
    """

    name: str
    tensor: Tensor
    group: Group
    ratios: list[float] = field(default_factory=list)
    over: int = 0


class Weights:
    """Follows some tensors of each group: are they finite, and how far does a step move them?

    Args:
        subject: What is watched.
        optimizer: Whose groups.
    """

    def __init__(self, subject: Subject, optimizer: int) -> None:
        self._of = subject.optimizers[optimizer]
        groups = [group for group in subject.groups if group.optimizer is self._of]
        self._searches = searches(self._of)
        self._followed = list(_followed(subject, groups))
        self._all = [
            (name, tensor) for group in groups for name, tensor in zip(group.names, group.params, strict=True)
        ]
        self._turn = 0
        self._held: tuple[Followed, Tensor] | None = None

    def before(self) -> Iterator[Finding]:
        """Remember what the next one is."""
        self._held = None
        if self._followed:
            self._turn = (self._turn + 1) % len(self._followed)
            one = self._followed[self._turn]
            if one.tensor.requires_grad:
                self._held = one, part_of(one.tensor, SAMPLE).clone()
        return iter(())

    def after(self) -> Iterator[Finding]:
        """What has become of it."""
        if self._held is None:
            return
        (one, was), self._held = self._held, None
        now = part_of(one.tensor, SAMPLE)
        weight, update = norm_of(was), norm_of(now - was)
        if not math.isfinite(norm_of(now)):
            yield from _not_finite([one.name])
        elif weight > 0 and not self._searches:
            yield from self._judged(one, update / weight)

    def end(self) -> Iterator[Finding]:
        """Look at all once more: what is NaN has had time to spread."""
        names = [name for name, tensor in self._all if _is_plain(tensor) and not _finite(tensor)]
        if names:
            yield from _not_finite(names)

    def _judged(self, one: Followed, ratio: float) -> Iterator[Finding]:
        settings = self._of.param_groups[one.group.number]  # a load makes other dicts
        rate, base = number(settings.get("lr")), one.group.base
        share = rate / base if rate and base else 1.0
        usual = median(one.ratios) if len(one.ratios) >= ENOUGH else math.inf
        ran = ratio > LEAST and ratio / share > TIMES * usual
        one.over = one.over + 1 if ratio > LARGEST or ran else 0
        if one.over >= ON_END:
            told = f", {ratio / share / usual:.0f} times what is usual for it" if ran and usual else ""
            message = f"A step changed {one.name}, of {one.group.label}, by {ratio:.2g} of its norm{told}."
            fix = "Lower the rate, clip the gradients, or guard it: pg.control.ratio."
            yield RAN_AWAY.finding(message, fix, (one.name,))
        one.ratios.append(ratio / share)
        del one.ratios[:-KEPT]


def _followed(subject: Subject, groups: list[Group]) -> Iterator[Followed]:
    """Matrices that are not 0 when watching begins: of those that are, the first steps are large."""
    count = 0
    for group in groups:
        own = 0
        for name, tensor in zip(group.names, group.params, strict=True):
            if own == OF_EACH or count == MOST:
                break
            matrix = name in subject.index and _is_plain(tensor) and tensor.ndim > 1
            if matrix and norm_of(part_of(tensor, SAMPLE)) > 0:
                own, count = own + 1, count + 1
                yield Followed(name, tensor, group)


def _not_finite(names: list[str]) -> Iterator[Finding]:
    message = f"{names[0]} holds NaN or infinity"
    more = f", and so do {len(names) - 1:,} more parameters." if len(names) > 1 else "."
    fix = (
        "Go back to a checkpoint from before; then skip such steps, pg.Optimizer(..., skip_nonfinite=True), "
        "or guard them: pg.control.nonfinite()."
    )
    yield NONFINITE.finding(message + more, fix, names)


def _is_plain(tensor: Tensor) -> bool:
    spread = type(tensor).__name__ == "DTensor" or tensor.is_meta
    return not spread and tensor.layout is torch.strided and tensor.dtype in DTYPES


def _finite(tensor: Tensor) -> bool:
    return math.isfinite(norm_of(part_of(tensor, SAMPLE)))
