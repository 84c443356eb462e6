"""What was handed in: optimizers and schedulers within whatever a host has wrapped around them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from paramgroups.run import Scheduler

WITHIN = ("optimizer", "_optimizer", "optim", "base_optimizer")
"""Under these names wrappers hold the optimizer that steps: Accelerate, Lightning, DeepSpeed, apex, ZeRO."""
DEEPEST = 8
Interval = Literal["step", "epoch"]


@dataclass(frozen=True, eq=False)
class Driver:
    """A scheduler, and what it drives.

    Attributes:
        scheduler: It, out of its wrappers.
        optimizer: What it drives, out of its wrappers.
        interval: When its host steps it, where that was told.
    """

    scheduler: Any
    optimizer: Optimizer
    interval: Interval | None = None

    @property
    def name(self) -> str:
        """Its class, as messages name it."""
        return type(self.scheduler).__name__

    @property
    def is_ours(self) -> bool:
        """Whether it drives a plan."""
        return isinstance(self.scheduler, Scheduler)

    @cached_property
    def parts(self) -> tuple[Any, ...]:
        """The schedulers that compute rates: those within a chain or a sequence, else itself."""
        return tuple(_leaves(self.scheduler, DEEPEST))


def optimizer_within(found: object) -> Optimizer | None:
    """The optimizer that steps, within whatever is wrapped around it; None where none can be seen.

    Example:
        >>> import torch
        >>> sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1)
        >>> class Wrapper:
        ...     def __init__(self, optimizer):
        ...         self.optimizer = optimizer
        >>> optimizer_within(Wrapper(sgd)) is sgd
        True
    """
    best: Optimizer | None = None
    for _ in range(DEEPEST):
        if isinstance(found, Optimizer) and _has_groups(found):
            if best is not None and _held(found) != _held(best):
                break  # a share of what is spread over processes
            best = found
        inner = next((one for name in WITHIN if (one := _attribute(found, name)) is not None), None)
        if inner is None or inner is found:
            break
        found = inner
    return best


def driver_of(found: object) -> Driver | None:
    """A scheduler out of its wrappers, with what it drives; None where one of the two cannot be seen."""
    interval: Interval | None = None
    if isinstance(found, Mapping):
        asked = found.get("interval")
        interval = asked if asked in ("step", "epoch") else "epoch"
        found = found.get("scheduler")
    for _ in range(DEEPEST):
        inner = _attribute(found, "scheduler")
        if isinstance(found, LRScheduler) or inner is None:
            break
        found = inner
    if not callable(_attribute(found, "step")) or isinstance(found, Optimizer):
        return None
    optimizer = optimizer_within(_attribute(found, "optimizer"))
    return None if optimizer is None else Driver(found, optimizer, interval)


def _held(optimizer: Optimizer) -> frozenset[int]:
    """The identities of the tensors in an optimizer's groups."""
    lists = [group.get("params") for group in optimizer.param_groups]
    return frozenset(id(one) for params in lists if isinstance(params, (list, tuple)) for one in params)


def _has_groups(found: Optimizer) -> bool:
    """Whether its groups can be looked at: a class that never calls its base's `__init__` has none."""
    groups = _attribute(found, "param_groups")
    return isinstance(groups, (list, tuple)) and all(isinstance(one, dict) for one in groups)


def _attribute(found: object, name: str) -> Any:
    """An attribute of what may do anything when it is asked for one."""
    try:
        return getattr(found, name, None)
    except Exception:  # noqa: BLE001  # a wrapper is foreign code
        return None


def _leaves(scheduler: Any, depth: int) -> Iterator[Any]:
    within = _attribute(scheduler, "_schedulers")
    if not within or not depth:
        yield scheduler
        return
    for one in within:
        yield from _leaves(one, depth - 1)
