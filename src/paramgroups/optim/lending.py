"""Groups that an optimizer of another class steps, as a pass over them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from paramgroups.errors import OptimizerError
from paramgroups.optim.backends.batch import Sums
from paramgroups.optim.clipping import clips
from paramgroups.optim.columns import numbers_of
from paramgroups.optim.delegates import Delegate, unmoved
from paramgroups.optim.finding import Bools, Groups, are_sharded
from paramgroups.optim.hyperparameters import RATE
from paramgroups.optim.limits import Passage
from paramgroups.optim.memory import States
from paramgroups.optim.rows import rowed
from paramgroups.optim.statistics import Told
from paramgroups.optim.summing import Before, gradient_sums

if TYPE_CHECKING:
    from torch import Tensor


class Loan:
    """Lends groups to a delegate, step by step.

    Args:
        delegate: Who steps them.
        statistics: Whether a step is summed up: it copies the parameters for that.
    """

    gated = False

    def __init__(self, delegate: Delegate, *, statistics: bool) -> None:
        self.delegate = delegate
        self._statistics = statistics
        self._groups: Groups = ()
        self._states: States = {}
        self._stepped: list[Tensor] = []
        self._places: list[tuple[int, int]] = []

    @property
    def evaluates(self) -> bool:
        """Whether its class evaluates the loss itself, as LBFGS does: such gradients are not clipped."""
        return self.delegate.needs_closure

    @property
    def clips(self) -> bool:
        """Whether some group has a bound for the norm of its gradients."""
        return clips(self._groups)

    @property
    def sharded(self) -> bool:
        """Whether parameters are spread over several processes."""
        return any(are_sharded(group["params"]) for group in self._groups)

    def find(self, groups: Groups, states: States) -> None:
        """Look which parameters are stepped: they are trained, have a gradient, and a rate that is not 0.

        Raises:
            OptimizerError: Rows have settings of their own, which only our own rules step.
        """
        if found := rowed(groups):
            number, group = found[0]
            raise OptimizerError(
                f"Rows of group {group.get('name', number)!r} have settings of their own, and "
                f'{self.delegate.cls.__name__} steps whole tensors. Give it one of ours, such as "adamw".'
            )
        rated = [number for number, group in enumerate(groups) if RATE in group]
        numbers_of(RATE, [groups[number][RATE] for number in rated], lambda at: f"group {rated[at]}")
        self._groups, self._states = groups, states
        places = [
            (number, member)
            for number, group in enumerate(groups)
            if group.get(RATE) != 0
            for member, param in enumerate(group["params"])
            if param.requires_grad and (self.evaluates or param.grad is not None)
        ]
        self._choose(places)

    def take_back(self, shut: Bools, states: States) -> None:
        """Nothing: the host decides before a class steps."""

    def outline(self, groups: Groups, states: States) -> None:
        """Let the class make its states by a step whose rates and gradients are 0; weights stay as they are.

        What a class counts has counted that step, as in torch.
        """
        if not self.evaluates:
            given = [param for group in groups for param in group["params"] if param.grad is not None]
            with unmoved(given):
                self.delegate.step(groups, states, given)

    def _choose(self, places: list[tuple[int, int]]) -> None:
        self._places = places
        self._stepped = [self._groups[number]["params"][member] for number, member in places]

    def measure(self) -> list[Told]:
        """What the gradients are, without a write."""
        return [] if self.evaluates or not self._stepped else [self._told(gradient_sums(self._stepped))]

    def step(self, way: Passage, closure: Any = None) -> list[Told]:
        """Step what was found and is not shut out, with the gradients of each group times a factor."""
        self._choose([place for place in self._places if not way.shut[place[0]]])
        if not self._stepped:
            return []
        scales = None
        if way.factors is not None:
            found = [float(way.factors[number]) for number, _ in self._places]
            scales = dict(zip(self._stepped, found, strict=True))
        before = Before.of(self._stepped) if self._statistics else None
        closure = closure if self.evaluates else None
        self.delegate.step(self._groups, self._states, self._stepped, scales=scales, closure=closure)
        return [] if before is None else [self._told(before.sums())]

    def undo(self, states: States) -> None:
        """A class makes its state within its step, so there is nothing to take back."""

    def drop(self) -> None:
        """Let go of groups and parameters."""
        self._groups, self._states, self._stepped, self._places = (), {}, [], []

    def _told(self, sums: Sums) -> Told:
        groups, members = (np.array(column, np.int64) for column in zip(*self._places, strict=True))
        counts = np.array([param.shape[0] if param.dim() else 1 for param in self._stepped], np.int64)
        return Told(sums, groups, members, np.zeros_like(counts), counts, np.ones(len(counts), np.bool_))
