"""Modules that stand still while what they belong to is frozen: running statistics, and dropout if asked."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from paramgroups.run.holding import hold, is_held, release

STATISTICS = ("running_mean", "running_var", "_u", "weight_u")
"""Buffers that modules write while they train: those of batch norms and their kin, and of both spectral norms
of torch."""


class Watched(NamedTuple):
    """A module that may be held.

    Attributes:
        module: The module.
        tensors: What it belongs to.
        keeps: Whether it keeps running statistics of what rules freeze, so that it is held in any case.
    """

    module: nn.Module
    tensors: list[nn.Parameter]
    keeps: bool

    def stands(self, live: Collection[int], quiet: Collection[int]) -> bool:
        """Whether it is to be held: all that it belongs to is frozen, and quiet if it keeps nothing."""
        if any(id(tensor) in live for tensor in self.tensors):
            return False
        return self.keeps or (bool(self.tensors) and all(id(tensor) in quiet for tensor in self.tensors))


class Statistics:
    """The modules that keep running statistics, each held while all that it belongs to is frozen.

    A module belongs to its own parameters and those within; one without any, to those of the nearest modules
    around it that have some. Where dropout is off in what is frozen, all modules are held that belong to
    such parameters alone: functional dropout, as in attention, asks the module around it.

    Args:
        model: The live model.
        ruled: The tensors that rules freeze at some time. Modules that belong to none of them are left
            alone: what the user froze is the user's. What an earlier run left held is taken over.
        hushed: The tensors in which dropout is off at some time while they are frozen.
    """

    def __init__(
        self, model: nn.Module, ruled: Iterable[torch.Tensor], hushed: Iterable[torch.Tensor] = ()
    ) -> None:
        self._around: dict[nn.Module, list[nn.Module]] = {}
        for parent in model.modules():
            for child in parent.children():
                self._around.setdefault(child, []).append(parent)
        theirs, silent = ({id(tensor) for tensor in tensors} for tensors in (ruled, hushed))
        self._watched = list(self._found(model, theirs, silent))
        self._held = {one.module: False for one in self._watched if is_held(one.module)}
        self._all = list({id(tensor): tensor for one in self._watched for tensor in one.tensors}.values())
        self._last: tuple[set[int], set[int]] | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Modules that were pickled while they were held are held again."""
        self.__dict__.update(state)
        self._last = None
        for module in self._held:
            hold(module)

    def follow(self, masked: Collection[int] = (), quiet: Collection[int] = ()) -> None:
        """Hold what is frozen now, release what no longer is.

        Args:
            masked: The tensors that are frozen though their gradients flow, by id.
            quiet: The tensors in which dropout is off if they are frozen, by id.
        """
        for module in self._held:
            if module.training and is_held(module):  # somebody has set the mode without `train()`
                module.training = False
        live = {id(tensor) for tensor in self._all if tensor.requires_grad}.difference(masked)
        now = live, set(quiet)
        if now == self._last:
            return
        self._last = now
        still = [one.module for one in self._watched if one.stands(*now)]
        beginning = {module: self._stands_apart(module) for module in still if module not in self._held}
        for module in beginning:
            hold(module)
        self._held |= beginning
        ending = self._held.keys() - still
        for module in [one.module for one in self._watched if one.module in ending]:
            apart = self._held.pop(module)
            if is_held(module):
                release(module, training=self._mode_around(module) and not apart)

    def _found(self, model: nn.Module, ruled: Collection[int], hushed: Collection[int]) -> Iterator[Watched]:
        for module in model.modules():
            keeps = any(isinstance(getattr(module, name, None), torch.Tensor) for name in STATISTICS)
            if not (keeps or hushed or is_held(module)):
                continue
            tensors = self._tensors(module, set())
            keeps = keeps and (is_held(module) or any(id(tensor) in ruled for tensor in tensors))
            silent = bool(tensors) and all(id(tensor) in hushed for tensor in tensors)
            if keeps or silent or is_held(module):
                yield Watched(module, tensors, keeps)

    def _tensors(self, module: nn.Module, seen: set[nn.Module]) -> list[nn.Parameter]:
        found = list(module.parameters())
        seen.add(module)
        if found:
            return found
        around = [parent for parent in self._around.get(module, ()) if parent not in seen]
        return [tensor for parent in around for tensor in self._tensors(parent, seen)]

    def _mode_around(self, module: nn.Module) -> bool:
        return self._around[module][0].training if module in self._around else True

    def _stands_apart(self, module: nn.Module) -> bool:
        """Whether the user has put it into evaluation while what is around it trains."""
        return self._mode_around(module) and not module.training and not is_held(module)
