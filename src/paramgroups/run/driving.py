"""Which scheduler drives an optimizer: the last that was made for it."""

import weakref
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

_DRIVERS: weakref.WeakKeyDictionary[Optimizer, weakref.ref[Any]] = weakref.WeakKeyDictionary()


def drive(optimizer: Optimizer, scheduler: LRScheduler) -> None:
    """Let a scheduler drive an optimizer from now on."""
    _DRIVERS[optimizer] = weakref.ref(scheduler)


def driver(optimizer: Optimizer) -> LRScheduler | None:
    """The scheduler that drives an optimizer, while it lives."""
    known = _DRIVERS.get(optimizer)
    return None if known is None else known()


def hook(scheduler: LRScheduler, act: Callable[..., Any]) -> Callable[..., Any]:
    """A hook that acts while its scheduler lives and drives, and keeps it alive no longer."""
    known = weakref.ref(scheduler)

    def acting(optimizer: Optimizer, *given: Any) -> Any:
        living = known()
        return act(living, *given) if living is not None and driver(optimizer) is living else None

    return acting
