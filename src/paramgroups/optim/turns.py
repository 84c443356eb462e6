"""One step of an optimizer: what is told of it, some of it later than it is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from paramgroups.optim.deciding import Decision, decide, group_sums
from paramgroups.optim.fetching import Fetched
from paramgroups.optim.jobs import Closure, Job
from paramgroups.optim.limits import Limit, Outcome, Passage, passage, unlimited
from paramgroups.optim.memory import States
from paramgroups.optim.sharing import Message, Sharing
from paramgroups.optim.statistics import Statistics, Told, left_out, tell, total


class Pending(NamedTuple):
    """What the device has decided about a step, and the host acts on later.

    Attributes:
        decision: The decision.
        measured: What the gradients were.
        jobs: Who has stepped.
        states: All states.
    """

    decision: Decision
    measured: Sequence[Told]
    jobs: Sequence[Job]
    states: States


@dataclass(eq=False)
class Turn:
    """A step, and what it has told.

    Attributes:
        groups: The groups as they were.
        scale: What all gradients were multiplied by.
        told: What its launches have summed.
        message: The same of all processes that hold parts of the parameters.
        outcomes: What became of each limit.
        skipped: Whether it was left out altogether.
        pending: What the device has decided, until the host takes it in.
    """

    groups: Sequence[dict[str, Any]] = ()
    scale: float = 1.0
    told: list[Told] = field(default_factory=list)
    message: Message | None = None
    outcomes: Sequence[Outcome] = ()
    skipped: bool = False
    pending: Pending | None = None

    def make(
        self,
        jobs: Sequence[Job],
        limits: Sequence[Limit] | None,
        sharing: Sharing | None,
        states: States,
        closure: Closure | None,
    ) -> None:
        """Step what is within its limits.

        Args:
            jobs: Who steps.
            limits: The limits; None: gradients are not looked at before.
            sharing: Who else holds parts of the parameters.
            states: All states.
            closure: What evaluates the loss.

        Raises:
            OptimizerError: A limit or a group has a bound that is none. Nothing is written then.
        """
        way = unlimited(len(self.groups), self.scale)
        if limits is not None:
            way = self._gate(jobs, limits, sharing, states)
        if way.shut.all():
            return
        done: list[str] = []
        for job in jobs:
            try:
                self.told += job.step(way, closure)
            except Exception as error:
                if done:
                    error.add_note(f"What {', '.join(done)} steps has been stepped before; nothing else was.")
                raise
            done.append(job.name)

    def _gate(
        self, jobs: Sequence[Job], limits: Sequence[Limit], sharing: Sharing | None, states: States
    ) -> Passage:
        """What of the step is made, and what each group's gradients are multiplied by."""
        groups, count = self.groups, len(self.groups)
        told = [one for job in jobs for one in job.measure()]
        if sharing is None and (decision := decided(limits, groups, told, jobs, self.scale)):
            self.pending = Pending(decision, told, jobs, states)
            return Passage(np.zeros(count, np.bool_), None, gates=decision.gates)
        sums = total(told, count) if sharing is None else sharing.send(told).sums
        way = passage(limits, groups, sums, self.scale)
        self.told = [left_out(one, way.shut) for one in told] if way.shut.any() else []
        self.outcomes, self.skipped = way.outcomes, bool(way.shut.all())
        return way

    def statistics(self, by: str) -> Mapping[str, Statistics]:
        """What the step has done, by name: see `Optimizer.statistics`."""
        self.settle()
        told = [self.message.told] if self.message is not None and by == "group" else self.told
        return tell(told, self.groups, by, self.scale)

    def settle(self) -> None:
        """Wait for what other processes and the device have made of this step, not for what came after it."""
        if self.message is not None:
            self.message.wait()
        pending, self.pending = self.pending, None
        if pending is None:
            return
        way = pending.decision.passage
        self.outcomes, self.skipped = way.outcomes, bool(way.shut.all())
        if way.shut.any():
            stepped = [replace(one, stepped=one.stepped & ~way.shut[one.groups]) for one in self.told]
            self.told = [*(left_out(one, way.shut) for one in pending.measured), *stepped]
            for job in pending.jobs:
                job.take_back(way.shut, pending.states)

    def fetch(self) -> None:
        """Begin to bring to the host what was told on a device: it is read a step later."""
        self.told = [_fetched(one) for one in self.told]

    def __getstate__(self) -> dict[str, Any]:
        """A copy waits for nothing."""
        self.settle()
        return vars(self)


def decided(
    limits: Sequence[Limit],
    groups: Sequence[dict[str, Any]],
    told: Sequence[Told],
    jobs: Sequence[Job],
    scale: float,
) -> Decision | None:
    """What the device decides about a step, where all gradients are on one; None: the host is to decide.

    Args:
        limits: The limits.
        groups: The groups.
        told: What their gradients are.
        jobs: Who steps them.
        scale: What all gradients are multiplied by.

    Raises:
        OptimizerError: A limit or a group has a bound that is none.
    """
    sums = [one.sums for one in told if isinstance(one.sums, Tensor) and one.sums.dtype == torch.float64]
    alone = len({one.device for one in sums}) == 1 and len(sums) == len(told)
    if not alone or not all(job.stepper.gated for job in jobs):
        return None
    each = zip(sums, told, strict=True)
    whole = torch.stack([group_sums(rows, one.groups, len(groups)) for rows, one in each]).sum(0)
    return decide(limits, groups, whole, scale)


def _fetched(told: Told) -> Told:
    sums = told.sums
    return replace(told, sums=Fetched(sums)) if isinstance(sums, Tensor) and sums.is_cuda else told
