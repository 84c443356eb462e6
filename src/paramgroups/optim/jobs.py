"""Who steps which groups: our own passes, and optimizers of other classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.backends.batch import Ints
from paramgroups.optim.backends.choosing import backend_of
from paramgroups.optim.delegates import Delegate
from paramgroups.optim.finding import Bools, Groups
from paramgroups.optim.lending import Loan
from paramgroups.optim.limits import Passage
from paramgroups.optim.memory import UNCOUNTED, States
from paramgroups.optim.naming import Known
from paramgroups.optim.passes import Pass
from paramgroups.optim.statistics import Told

Closure = Callable[[], Any]


@dataclass(frozen=True)
class Options:
    """How an optimizer steps.

    Attributes:
        backend: The backend that is asked for by name.
        statistics: Whether each step is summed up.
        skip_nonfinite: Whether a step is left out where a gradient is not finite.
        master_weights: Whether parameters of half precision are kept in float32 beside.
    """

    backend: str | None
    statistics: bool
    skip_nonfinite: bool
    master_weights: bool


class Stepper(Protocol):
    """What steps some groups. A step is found, perhaps measured, and made; errors belong to the first."""

    @property
    def evaluates(self) -> bool:
        """Whether it evaluates the loss itself."""

    @property
    def clips(self) -> bool:
        """Whether some group has a bound for the norm of its gradients."""

    @property
    def gated(self) -> bool:
        """Whether the device may decide what is stepped."""

    @property
    def sharded(self) -> bool:
        """Whether parameters are spread over several processes."""

    def find(self, groups: Groups, states: States) -> None:
        """Look at everything that a step hangs on."""

    def outline(self, groups: Groups, states: States) -> None:
        """Make the states of what has a gradient, and nothing else."""

    def measure(self) -> list[Told]:
        """What the gradients are, without a write."""

    def step(self, way: Passage, closure: Closure | None) -> list[Told]:
        """Step what was found and is not shut out, with the gradients of each group times a factor."""

    def take_back(self, shut: Bools, states: States) -> None:
        """Let what the device left out of the last step be as before."""

    def drop(self) -> None:
        """Let go of the gradients."""

    def undo(self, states: States) -> None:
        """Take back what was made for a step that is not made."""


@dataclass(frozen=True, eq=False)
class Job:
    """Some of an optimizer's groups, and who steps them.

    Attributes:
        name: The optimizer that steps them.
        stepper: Who does.
        numbers: Which groups they are; None is all.
    """

    name: str
    stepper: Stepper
    numbers: Ints | None

    def find(self, groups: Groups, states: States) -> None:
        """Look at everything that a step hangs on."""
        self.stepper.find(self._mine(groups), states)

    def outline(self, groups: Groups, states: States) -> None:
        """Make the states of what has a gradient, and nothing else."""
        self.stepper.outline(self._mine(groups), states)

    def measure(self) -> list[Told]:
        """What the gradients are, without a write."""
        return self._told(self.stepper.measure())

    def step(self, way: Passage, closure: Closure | None) -> list[Told]:
        """Step what was found and is not shut out."""
        return self._told(self.stepper.step(way if self.numbers is None else way.of(self.numbers), closure))

    def take_back(self, shut: Bools, states: States) -> None:
        """Let what the device left out of the last step be as before."""
        self.stepper.take_back(shut if self.numbers is None else shut[self.numbers], states)

    def _mine(self, groups: Groups) -> Groups:
        return groups if self.numbers is None else [groups[number] for number in self.numbers.tolist()]

    def _told(self, told: list[Told]) -> list[Told]:
        if self.numbers is None:
            return told
        return [replace(one, groups=self.numbers[one.groups]) for one in told]


def jobs_of(
    names: Sequence[str], groups: Sequence[dict[str, Any]], states: States, known: Known, options: Options
) -> list[Job]:
    """A job for each optimizer that is named.

    Args:
        names: Who steps each group.
        groups: The groups.
        states: The optimizer's state, where some classes put theirs at once.
        known: Classes by their names.
        options: How ours step.

    Raises:
        OptimizerError: A class refuses its groups.
    """
    places: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        places.setdefault(name, []).append(number)
    return [
        Job(
            name,
            _stepper(name, [groups[number] for number in mine], states, known, options),
            np.array(mine, np.int64) if len(places) > 1 else None,
        )
        for name, mine in places.items()
    ]


def _stepper(
    name: str, groups: Sequence[dict[str, Any]], states: States, known: Known, options: Options
) -> Stepper:
    if name not in ALGORITHMS:
        return Loan(Delegate(known.classes[name], groups, states), statistics=options.statistics)
    return Pass(
        ALGORITHMS[name],
        partial(backend_of, forced=options.backend),
        counted=name not in UNCOUNTED,
        masters=options.master_weights,
        statistics=options.statistics,
    )
