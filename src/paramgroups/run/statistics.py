"""Running statistics that stand still while what they belong to is frozen."""

from collections.abc import Iterable
from types import MethodType
from typing import Any

import torch
from torch import nn


def train(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001, FBT001, FBT002  # torch's signature
    """What `train` does on a held module: nothing, whoever calls it."""
    return module


def hold(module: nn.Module) -> None:
    """Keep a module's running statistics: it stays in evaluation, also when a parent calls `train()`.

    The method is called `train` so that a module pickles while it is held; read back, it is not held.
    """
    module.eval()
    module.__dict__["train"] = MethodType(train, module)


def is_held(module: nn.Module) -> bool:
    """Whether a module is held, by whomever."""
    return getattr(module.__dict__.get("train"), "__func__", None) is train


def release(module: nn.Module, *, training: bool) -> None:
    """Let a held module follow its parents again."""
    module.__dict__.pop("train", None)
    module.train(training)


class Statistics:
    """The modules that keep running statistics, each held while all that it belongs to is frozen.

    A module belongs to its own parameters; one without any, to those of the nearest module around it that
    has some.

    Args:
        model: The live model.
        ruled: The tensors that rules freeze at some time. Modules that belong to none of them are left
            alone: what the user froze is the user's. What an earlier run left held is taken over.
    """

    def __init__(self, model: nn.Module, ruled: Iterable[torch.Tensor]) -> None:
        self._around: dict[nn.Module, nn.Module] = {}
        for parent in model.modules():
            for child in parent.children():
                self._around.setdefault(child, parent)
        theirs = {id(tensor) for tensor in ruled}
        keepers = {module: self._tensors(module) for module in model.modules() if _keeps_statistics(module)}
        self._watched = [
            (module, tensors)
            for module, tensors in keepers.items()
            if is_held(module) or any(id(tensor) in theirs for tensor in tensors)
        ]
        self._held = {module: False for module in keepers if is_held(module)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Modules that were pickled while they were held are held again."""
        self.__dict__.update(state)
        for module in self._held:
            hold(module)

    def follow(self) -> None:
        """Hold what is frozen now, release what no longer is."""
        for module, tensors in self._watched:
            frozen = not any(tensor.requires_grad for tensor in tensors)
            if frozen and module not in self._held:
                self._held[module] = self._stands_apart(module)
                hold(module)
            elif not frozen and module in self._held:
                apart = self._held.pop(module)
                if is_held(module):
                    release(module, training=self._mode_around(module) and not apart)

    def _tensors(self, module: nn.Module) -> list[nn.Parameter]:
        at: nn.Module | None = module
        while at is not None and not (found := list(at.parameters())):
            at = self._around.get(at)
        return [] if at is None else found

    def _mode_around(self, module: nn.Module) -> bool:
        return self._around[module].training if module in self._around else True

    def _stands_apart(self, module: nn.Module) -> bool:
        """Whether the user has put it into evaluation while what is around it trains."""
        return self._mode_around(module) and not module.training and not is_held(module)


def _keeps_statistics(module: nn.Module) -> bool:
    return isinstance(getattr(module, "running_mean", None), torch.Tensor)
