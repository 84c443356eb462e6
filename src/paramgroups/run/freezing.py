"""Frozen is frozen: no gradient, no step, no drifting statistics, for as long as a rule says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from paramgroups.errors import PlanError
from paramgroups.planning import Group, Plan
from paramgroups.planning.binding import Bound
from paramgroups.planning.cascade import Cascade
from paramgroups.run.making import forget
from paramgroups.run.statistics import Statistics

ALWAYS = ((0.0, True),)


def freeze(tensors: Iterable[torch.Tensor]) -> None:
    """Stop gradients, and clear those that are left over: an optimizer passes over what has none."""
    for tensor in tensors:
        tensor.requires_grad_(False)
        tensor.grad = None


def thaw(tensors: Iterable[torch.Tensor]) -> None:
    """Let gradients flow again."""
    for tensor in tensors:
        tensor.requires_grad_(True)


@dataclass
class Windowed:
    """Tensors of one group that are frozen now and then.

    Attributes:
        place: The group's place in the optimizer.
        tensors: The tensors.
        trained: When they are trained, or some of their rows.
        live: Whether they are now; None before the first tick.
    """

    place: int
    tensors: list[torch.Tensor]
    trained: tuple[Cascade, ...]
    live: bool | None = None


class Freezing:
    """Follows the plan's windows on `trainable`.

    What a rule freezes or thaws for the whole run is frozen or thawed here at once; what the user froze stays
    as it is unless a rule says otherwise. What is frozen in the middle of a run is forgotten by the
    optimizer, so that it thaws as a new parameter does. A tensor of which only rows are frozen stays live: a
    rate of 0 says that the optimizer does not write them, nor what it remembers of them.

    Args:
        plan: The plan.
        groups: The plan's groups in the optimizer's order.
        optimizer: The optimizer, whose groups hold the tensors.
        model: The live model; None where there is none.
        bound: Its tensors by name; None where there is no model.

    Raises:
        PlanError: Something is to be frozen or thawed, and there is no model in which to do it.
    """

    def __init__(
        self,
        plan: Plan,
        groups: Sequence[Group],
        optimizer: Optimizer,
        model: nn.Module | None,
        bound: Bound | None,
    ) -> None:
        self._optimizer = optimizer
        self._groups = groups
        self._windowed = [
            windowed
            for place, (group, held) in enumerate(zip(groups, optimizer.param_groups, strict=True))
            for windowed in _windowed(place, group, held["params"], held.get("param_names", group.names))
        ]
        self._statistics: Statistics | None = None
        never = [row.name for row in plan.frozen if row.trainable]
        thawed = [name for group in groups for name in group.names if not plan.index[name].trainable]
        if model is not None and bound is not None:
            self._begin(model, _of(bound, never), _of(bound, thawed))
        elif never or thawed or self._windowed:
            raise PlanError(
                "The plan freezes or thaws parameters, and the model in which it is to be done is gone, or "
                "was never told. Give it: pg.Scheduler(optimizer, plan, model=…)."
            )

    def _begin(self, model: nn.Module, never: list[nn.Parameter], thawed: list[nn.Parameter]) -> None:
        windowed = [tensor for one in self._windowed for tensor in one.tensors]
        freeze(never)
        thaw(thawed)
        self._statistics = Statistics(model, [*never, *windowed])

    def follow(self, tick: float) -> None:
        """Freeze and thaw as the plan has it at a tick."""
        for one in self._windowed:
            self._turn(one, live=any(trained.at(tick) for trained in one.trained))
        if self._statistics is not None:
            self._statistics.follow()

    def _turn(self, one: Windowed, *, live: bool) -> None:
        """Only a change thaws, so that what the user freezes by hand meanwhile stays frozen."""
        before, one.live = one.live, live
        if not live:
            freeze(one.tensors)
            if before:
                group = self._optimizer.param_groups[one.place]
                forget(self._optimizer, group, self._groups[one.place].profile.optimizer, one.tensors)
        elif not before:
            thaw(one.tensors)


def _windowed(
    place: int, group: Group, tensors: Sequence[torch.Tensor], names: Sequence[str]
) -> list[Windowed]:
    """What of a group is frozen now and then: tensors of which rows are frozen apart have their own times."""
    whole, apart = group.profile.trainable, group.apart
    found = [Windowed(place, [t for t, n in zip(tensors, names, strict=False) if n not in apart], (whole,))]
    for tensor, name in zip(tensors, names, strict=False):
        if name in apart:
            parts = (one.profile.trainable for one in group.segments if one.name == name)
            found.append(Windowed(place, [tensor], (whole, *parts)))
    return [one for one in found if one.tensors and any(t.pieces != ALWAYS for t in one.trained)]


def _of(bound: Bound, names: Iterable[str]) -> list[nn.Parameter]:
    return [bound[name] for name in names if name in bound]
