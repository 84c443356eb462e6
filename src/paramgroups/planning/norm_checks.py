"""Advice on batch norm that is frozen, or trained, otherwise than what surrounds it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from paramgroups.errors import Finding, listing
from paramgroups.planning.cascade import Cascade
from paramgroups.planning.freezing_checks import spans
from paramgroups.planning.subject import Check, Subject
from paramgroups.schedules import Horizon

BATCH_NORM = "_BatchNorm"
Holds = Callable[[list[bool], list[bool]], bool]


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

    def ever(self, horizon: Horizon, holds: Holds) -> bool:
        """Whether something holds at some time of what of it, and of what is around it, is trained."""
        return any(
            holds([one.at(start) for one in self.own], [one.at(start) for one in self.around])
            for start, _ in spans([*self.own, *self.around], horizon)
        )


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


def _told(subject: Subject, holds: Holds) -> tuple[str, ...]:
    """The parameters of the batch norms of which something holds at some time."""
    horizon = subject.resolution.profiler.horizon
    found = [norm for norm in _norms(subject) if norm.around and norm.ever(horizon, holds)]
    return tuple(name for norm in found for name in norm.names)


def drifting_norm(subject: Subject) -> Iterator[Finding]:
    """Batch norm that is trained alone: its statistics move under what is frozen around it."""
    names = _told(subject, lambda own, around: any(own) and not any(around))
    if names:
        message = (
            "Batch norm is trained while all else in the module around it is frozen, so that its running "
            f"statistics drift from those that the frozen weights were trained with: {listing(names, 3)}."
        )
        fix = 'If that is not meant, freeze it with them: pg.recipes.frozen_norms("@_BatchNorm").'
        yield Finding("PG015", "advice", message, fix, names)


def still_norm(subject: Subject) -> Iterator[Finding]:
    """Batch norm that is frozen alone: its statistics stand still while what feeds it is trained."""
    names = _told(subject, lambda own, around: all(around) and not any(own))
    if names:
        message = (
            "Batch norm is frozen while all else in the module around it is trained, so that its running "
            f"statistics stand still: {listing(names, 3)}."
        )
        fix = "With batches too small to measure by that is usual. Else thaw it with what surrounds it."
        yield Finding("PG016", "advice", message, fix, names)


NORMS: tuple[Check, ...] = (drifting_norm, still_norm)
