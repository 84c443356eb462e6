"""Frozen is frozen: no gradient, no step, no drifting statistics, for as long as a rule says so."""

from collections.abc import Iterable, Sequence
from types import MethodType

import torch
from torch import nn
from torch.optim import Optimizer

from paramgroups.indexing import named_parameters
from paramgroups.planning import Group, Plan


def freeze(tensors: Iterable[torch.Tensor]) -> None:
    """Stop gradients, and clear those that are left over: an optimizer passes over what has none."""
    for tensor in tensors:
        tensor.requires_grad_(False)  # torch's own call
        tensor.grad = None


def thaw(tensors: Iterable[torch.Tensor]) -> None:
    """Let gradients flow again."""
    for tensor in tensors:
        tensor.requires_grad_(True)  # torch's own call


def _stay(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001, FBT001, FBT002  # torch's signature
    """What `train` does on a held module: nothing, whoever calls it."""
    return module


def hold(module: nn.Module) -> None:
    """Keep a module's running statistics: it stays in evaluation, also when a parent calls `train()`."""
    module.eval()
    module.__dict__["train"] = MethodType(_stay, module)


def release(module: nn.Module, *, training: bool) -> None:
    """Let a held module follow its parents again."""
    if module.__dict__.pop("train", None) is not None:
        module.train(training)


class Statistics:
    """The modules that keep running statistics, each held while all its parameters are frozen.

    Args:
        model: The live model.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._modules = [
            module for module in model.modules() if getattr(module, "running_mean", None) is not None
        ]
        self._held: set[int] = set()

    def follow(self, ruled: Sequence[torch.Tensor]) -> None:
        """Hold what is frozen now, release what no longer is.

        Args:
            ruled: The tensors that rules freeze at some time; modules of other tensors are left alone.
        """
        theirs = {id(tensor) for tensor in ruled}
        for module in self._modules:
            own = [tensor for tensor in module.parameters(recurse=False) if id(tensor) in theirs]
            if own:
                self._set(module, frozen=not any(tensor.requires_grad for tensor in own))

    def _set(self, module: nn.Module, *, frozen: bool) -> None:
        if frozen and id(module) not in self._held:
            hold(module)
            self._held.add(id(module))
        elif not frozen and id(module) in self._held:
            release(module, training=self._model.training)
            self._held.discard(id(module))


class Freezing:
    """Follows the plan's windows on `trainable`.

    What a rule freezes for the whole run is frozen here at once; what the user froze stays as it is.

    Args:
        plan: The plan.
        model: The live model; None for the planned one. Without either, statistics are not held.
        groups: The plan's groups in the optimizer's order.
        optimizer: The optimizer, whose groups hold the tensors.
    """

    def __init__(
        self, plan: Plan, model: nn.Module | None, groups: Sequence[Group], optimizer: Optimizer
    ) -> None:
        self._optimizer = optimizer
        self._windowed = [
            (place, group.profile.trainable)
            for place, group in enumerate(groups)
            if group.profile.trainable.pieces != ((0.0, True),)
        ]
        live = model if model is not None else plan.planned_model()
        ruled = {row.name for row in plan.frozen if row.trainable}
        self._never = [] if live is None else [t for name, t in named_parameters(live) if name in ruled]
        self._statistics = None if live is None else Statistics(live)
        freeze(self._never)

    def follow(self, tick: float) -> None:
        """Freeze and thaw as the plan has it at a tick."""
        ruled = list(self._never)
        for place, trainable in self._windowed:
            tensors = self._optimizer.param_groups[place]["params"]
            (thaw if trainable.at(tick) else freeze)(tensors)
            ruled += tensors
        if self._statistics is not None and ruled:
            self._statistics.follow(ruled)
