"""What a step finds: all that it hangs on, read anew each time, so that nothing of it can be stale."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from operator import is_, itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from paramgroups.optim.backends.batch import Ints
from paramgroups.optim.backends.reading import read
from paramgroups.optim.backends.traits import ADDRESS, COLUMNS, NUMEL, PLAIN

Groups = Sequence[dict[str, Any]]
Bools = NDArray[np.bool_]

PARAMS = itemgetter("params")
LOCAL = "to_local"
"""What `DTensor` has and others have not; to import it would load all of torch.distributed."""


@dataclass(frozen=True, eq=False)
class Found:
    """The tensors of a step.

    Attributes:
        params: All parameters.
        tensors: What is stepped of each: of one that is spread over several processes, the part that is here.
        lengths: How many each group has.
        grads: Their gradients, where there are any.
        active: Which of them are stepped: they are trained, have a gradient, and a rate that is not 0.
        whole: Whether that is all of them.
        param_traits: What those are, a row for each parameter; 0 for the others.
        grad_traits: What their gradients are.
    """

    params: list[Tensor]
    tensors: list[Tensor]
    lengths: list[int]
    grads: list[Tensor | None]
    active: Bools
    whole: bool
    param_traits: Ints
    grad_traits: Ints

    @cached_property
    def owners(self) -> Ints:
        """The group of each parameter."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def sharded(self) -> bool:
        """Whether some are spread over several processes."""
        return self.tensors is not self.params

    def holds(self, params: list[Tensor], lengths: list[int]) -> bool:
        """Whether these are the same parameters in the same groups."""
        return lengths == self.lengths and all(map(is_, params, self.params))

    def are_as(self, params: Ints, grads: Ints) -> bool:
        """Whether all that is stepped still is what it was; gradients may be at another place."""
        after = ADDRESS + 1
        if self.whole:
            same = np.array_equal(self.param_traits, params)
            return same and np.array_equal(self.grad_traits[:, after:], grads[:, after:])
        at = self.active
        same = np.array_equal(self.param_traits[at], params[at])
        return same and np.array_equal(self.grad_traits[at, after:], grads[at, after:])


def look(params: list[Tensor], lengths: list[int], awake: Bools, *, sharded: bool) -> Found:
    """Look at the parameters and their gradients.

    Args:
        params: All parameters.
        lengths: How many each group has.
        awake: Which of them have a rate that is not 0.
        sharded: Whether some are spread over several processes.
    """
    grads = [param.grad for param in params]
    trained = [param.requires_grad for param in params]
    active = awake
    if any(map(is_, grads, repeat(None))) or not all(trained):
        known = [grad is not None for grad in grads]
        active = awake & np.array(known, np.bool_) & np.array(trained, np.bool_)
    whole, tensors = bool(active.all()), params
    if sharded:
        tensors, grads = list(map(local, params)), list(map(local_grad, params, grads))
    both: tuple[Sequence[Any], ...] = (tensors, grads)
    stepped, given = (things if whole else _chosen(things, active) for things in both)
    traits = read([*stepped, *given])
    _mark_negated(given, traits[len(stepped) :])
    halves = traits[: len(stepped)], traits[len(stepped) :]
    if not whole:
        halves = _spread(halves[0], active), _spread(halves[1], active)
    return Found(params, tensors, lengths, grads, active, whole, *halves)


def _mark_negated(grads: Sequence[Tensor], traits: Ints) -> None:
    """What is to be read with the other sign is no plain run, which no trait tells.

    Torch makes such views of the imaginary parts of conjugates: every second number of a run, so that one
    number alone can be taken for plain.
    """
    for place in np.flatnonzero(traits[:, NUMEL] == 1).tolist():
        if grads[place].is_neg():
            traits[place, PLAIN] = 0


def params_of(groups: Groups) -> tuple[list[Tensor], list[int]]:
    """All parameters, and how many each group has."""
    members = list(map(PARAMS, groups))
    return list(chain.from_iterable(members)), list(map(len, members))


def are_sharded(params: Sequence[Tensor]) -> bool:
    """Whether some parameters are spread over several processes."""
    return any(hasattr(kind, LOCAL) for kind in set(map(type, params)))


def local(tensor: Any) -> Any:
    """The part of a tensor that is in this process: all of it, unless it is spread over several."""
    found = getattr(tensor, LOCAL, None)
    return tensor if found is None else found()


def local_grad(param: Any, grad: Any) -> Any:
    """The part of a gradient that belongs to the part of its parameter that is in this process.

    Backward may leave parts of a sum, which are summed here as torch's optimizers do.
    """
    if hasattr(grad, LOCAL) and hasattr(param, LOCAL) and grad.placements != param.placements:
        grad = grad.redistribute(placements=param.placements)
    return local(grad)


def reals(tensor: Tensor) -> int:
    """How many real numbers a tensor has: a complex one is two."""
    return tensor.numel() * (2 if tensor.is_complex() else 1)


def _chosen(things: Sequence[Any], active: Bools) -> Sequence[Any]:
    return [things[place] for place in np.flatnonzero(active).tolist()]


def _spread(traits: Ints, active: Bools) -> Ints:
    """The rows of those that are stepped at their places among all."""
    spread = np.zeros((len(active), COLUMNS), np.int64)
    spread[active] = traits
    return spread
