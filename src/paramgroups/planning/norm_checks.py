"""Advice on batch norm that is frozen, or trained, otherwise than what surrounds it."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import NamedTuple

from paramgroups.errors import Finding, listing
from paramgroups.planning.cascade import Cascade
from paramgroups.planning.freezing_checks import spans
from paramgroups.planning.subject import Check, Subject
from paramgroups.schedules import Horizon

BATCH_NORM = "_BatchNorm"
Holds = Callable[[list[bool], list[bool]], bool]
Span = tuple[float, float | None]


class Norm(NamedTuple):
    """A batch norm and what stands beside it in the module that holds it.

    Attributes:
        names: Its parameters.
        own: When they are trained.
        around: When the other parameters are that its parent holds, batch norms left out.
    """

    names: tuple[str, ...]
    own: frozenset[Cascade]
    around: frozenset[Cascade]

    def times(self, horizon: Horizon, holds: Holds) -> list[Span]:
        """When something holds of what of it, and of what is around it, is trained."""
        return [
            span
            for span in spans([*self.own, *self.around], horizon)
            if holds([one.at(span[0]) for one in self.own], [one.at(span[0]) for one in self.around])
        ]


def _norms(subject: Subject) -> list[Norm]:
    resolution = subject.resolution
    own: dict[str, list[int]] = {}
    for position, row in enumerate(resolution.index):
        if BATCH_NORM in row.module_bases and "." in row.name:
            own.setdefault(row.name.rpartition(".")[0], []).append(position)
    around: dict[str, set[int]] = {module.rpartition(".")[0]: set() for module in own}
    for row, number in zip(resolution.index, resolution.numbers.tolist(), strict=True):
        if around and BATCH_NORM not in row.module_bases:
            for above in _above(row.name):
                around.get(above, set()).add(number)
    return [
        Norm(
            tuple(resolution.index.rows[position].name for position in positions),
            frozenset(resolution.profile_at(position).trainable for position in positions),
            frozenset(resolution.profiles[number].trainable for number in around[module.rpartition(".")[0]]),
        )
        for module, positions in own.items()
    ]


def _above(name: str) -> Iterator[str]:
    """The paths of all modules that a parameter lies in, the root's last."""
    while name:
        name = name.rpartition(".")[0]
        yield name


def _found(subject: Subject, holds: Holds) -> list[tuple[Norm, list[Span]]]:
    """The batch norms of which something holds at some time, and when."""
    horizon = subject.resolution.profiler.horizon
    told = [(norm, norm.times(horizon, holds)) for norm in _norms(subject) if norm.around]
    return [(norm, times) for norm, times in told if times]


def _names(norms: Iterable[Norm]) -> tuple[str, ...]:
    return tuple(name for norm in norms for name in norm.names)


def _trained(subject: Subject) -> list[Span]:
    """When some batch norm is trained: where none is, all are frozen as a kind."""
    chains = list({chain for norm in _norms(subject) for chain in norm.own})
    found = spans(chains, subject.resolution.profiler.horizon)
    return [span for span in found if any(chain.at(span[0]) for chain in chains)]


def _meet(one: Span, other: Span) -> bool:
    ends = [end for _, end in (one, other) if end is not None]
    return max(one[0], other[0]) < min(ends, default=math.inf)


def drifting_norm(subject: Subject) -> Iterator[Finding]:
    """Batch norm that is trained alone: its statistics move under what is frozen around it."""
    names = _names(norm for norm, _ in _found(subject, lambda own, around: any(own) and not any(around)))
    if names:
        message = (
            "Batch norm is trained while all else in the module around it is frozen, so that its running "
            f"statistics drift from those that the frozen weights were trained with: {listing(names, 3)}."
        )
        fix = 'If that is not meant, freeze it with them: pg.recipes.frozen_norms("@_BatchNorm").'
        yield Finding("PG015", "advice", message, fix, names)


def still_norm(subject: Subject) -> Iterator[Finding]:
    """Batch norm that is frozen alone, while others are not: its statistics stand still.

    Where all batch norms are frozen it is meant: `frozen_norms` is for that.
    """
    found = _found(subject, lambda own, around: all(around) and not any(own))
    trained = _trained(subject) if found else []
    names = _names(norm for norm, times in found if any(_meet(*pair) for pair in product(times, trained)))
    if names:
        message = (
            "Batch norm is frozen while all else in the module around it is trained, so that its running "
            f"statistics stand still: {listing(names, 3)}."
        )
        fix = "With batches too small to measure by that is usual. Else thaw it with what surrounds it."
        yield Finding("PG016", "advice", message, fix, names)


NORMS: tuple[Check, ...] = (drifting_norm, still_norm)
