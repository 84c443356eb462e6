"""How what is frozen now and then is kept from moving: by flags, or by masks."""

import gc
import weakref
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import nn
from torch.optim import Optimizer

from paramgroups.errors import PlanError, nearest, shown
from paramgroups.indexing.wrappers import loaded
from paramgroups.run.driving import driver

FLAGS, MASKS = "flags", "masks"
HOWS = {
    FLAGS: "what is frozen requires no gradient",
    MASKS: "what is frozen has gradients, which no step uses",
}
"""What each means, as an end of a sentence."""

WRAPPERS = {
    "DistributedDataParallel": ("torch.nn.parallel.distributed", "DistributedDataParallel"),
    "FullyShardedDataParallel": ("torch.distributed.fsdp", "FullyShardedDataParallel"),
    "fully_shard": ("torch.distributed.fsdp", "FSDPModule"),
}
"""What fixes, when a model is wrapped, whose gradients are exchanged; and where its type is, once loaded."""

_LAST: weakref.WeakKeyDictionary[Optimizer, "Hidden"] = weakref.WeakKeyDictionary()

FLATTENING = "FullyShardedDataParallel"
"""What spreads parameters over the processes as plain tensors, which do not tell."""


class Choice(NamedTuple):
    """How it is done.

    Attributes:
        how: `"flags"` or `"masks"`.
        why: What speaks for it, as the beginning of a sentence.
        wrapper: What has wrapped the model for several processes by now, if anything has.
    """

    how: str
    why: str
    wrapper: str | None

    @property
    def keeps_flags(self) -> bool:
        """Whether what is never trained is masked too: flags that are changed after wrapping are not seen."""
        return self.how == MASKS and self.wrapper is not None

    def reason(self, lasting: int) -> str:
        """It in a sentence.

        Args:
            lasting: How many parameters are masked though they are never trained.
        """
        told = f"{self.why}: {HOWS[self.how]}"
        if not lasting:
            return f"{told}."
        count = f"{lasting:,} parameter{'s' * (lasting != 1)}"
        return (
            f"{told}, and so has {count} that the plan never trains; to save that work, call "
            "plan.freeze(model) before the model is wrapped."
        )


def choose(how: str | None, tensors: Iterable[torch.Tensor]) -> Choice:
    """Masks where several processes must agree on whose gradients they exchange, else flags.

    Args:
        how: What was asked for by name; None where it is to be chosen.
        tensors: The live tensors.

    Raises:
        PlanError: There is no such way.
    """
    if how is not None and (not isinstance(how, str) or how not in HOWS):
        raise PlanError(
            f"freezing={shown(how)} is no way to freeze. {nearest(str(how)[:20], HOWS)} "
            "Leave it out, and it is chosen by the number of processes."
        )
    wrapper, count = wrapper_of(tensors), processes()
    if how is not None:
        return Choice(how, f'freezing="{how}" was asked for', wrapper)
    if count > 1:
        return Choice(MASKS, f"{count:,} processes train, and exchange gradients", wrapper)
    if wrapper is not None:
        return Choice(MASKS, f"{wrapper} has fixed whose gradients it handles", wrapper)
    return Choice(FLAGS, "One process trains", None)


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if _together() else 1


def wrapper_of(tensors: Iterable[torch.Tensor]) -> str | None:
    """The name of what has wrapped a module that holds some of these tensors."""
    found = wrapping(tensors)
    kinds = _kinds()
    return next((name for name, kind in kinds.items() if isinstance(found, kind)), None)


def wrapping(tensors: Iterable[torch.Tensor]) -> nn.Module | None:
    """What has wrapped modules that hold some of these tensors, if only from outside of the planned model."""
    return next(iter(wrappers_of(tensors)), None)


def wrappers_of(tensors: Iterable[torch.Tensor]) -> list[nn.Module]:
    """All that has wrapped modules that hold some of these tensors.

    The wrapped do not know their wrapper, so all objects are looked through: some tens of milliseconds, and
    only where `torch.distributed` is initialised, without which there is none.
    """
    if not _together():
        return []
    kinds = _kinds()
    everything, wanted = gc.get_objects(), tuple[Any, ...](kinds.values())
    types = {cls for cls in set(map(type, everything)) if issubclass(cls, wanted)}
    alive = [found for found in everything if type(found) in types]
    ours = set(map(id, tensors))
    around = [one for one in alive if not ours.isdisjoint(map(id, one.parameters()))]
    return [one for kind in wanted for one in around if isinstance(one, kind)]


def _kinds() -> dict[str, type]:
    """The types of wrappers that are loaded."""
    return {name: kind for name, where in WRAPPERS.items() if (kind := loaded(*where)) is not None}


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()


class Hidden:
    """The tensors that are frozen now, whose gradients no step is to use.

    Args:
        tensors: The tensors at the beginning.

    Attributes:
        ids: Their identities.
    """

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        self.hold(tensors)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The tensors of a copy are others."""
        self.hold(state["_tensors"])

    def hold(self, tensors: Sequence[torch.Tensor]) -> None:
        """Have other tensors."""
        self._tensors, self.ids = tensors, frozenset(map(id, tensors))

    def clear(self, but: Container[int] = ()) -> None:
        """Clear their gradients, but for some by their identities: an optimizer passes over what has none."""
        for tensor in self._tensors:
            if tensor.grad is not None and id(tensor) not in but:
                tensor.grad = None

    def outlive(self, optimizer: Optimizer) -> None:
        """Be cleared before each step also when no scheduler is left that drives the optimizer."""
        _LAST[optimizer] = self
        optimizer.register_step_pre_hook(self._alone)

    def _alone(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if _LAST.get(optimizer) is not self or driver(optimizer) is not None:
            return None
        self.clear()
        return hiding(self.clear, args, kwargs)


def hiding(
    hide: Callable[[], None], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a step is called with, its closure followed by `hide`, since it makes gradients anew.

    Args:
        hide: What clears the gradients that no step is to use.
        args: What the step is given by place: the optimizer, and the closure unless it is given by name.
        kwargs: What it is given by name.
    """
    here = args[:1] + tuple(_followed(one, hide) for one in args[1:])
    return here, {name: _followed(one, hide) if name == "closure" else one for name, one in kwargs.items()}


def _followed(closure: Any, hide: Callable[[], None]) -> Any:
    if not callable(closure):
        return closure

    def evaluate() -> Any:
        loss = closure()
        hide()
        return loss

    return evaluate
