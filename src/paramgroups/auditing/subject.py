"""What an audit looks at: a model, the groups that hold its parameters, and what drives their rates."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from paramgroups.auditing.objects import Driver
from paramgroups.errors import Finding
from paramgroups.indexing import Index, Row
from paramgroups.planning import Plan
from paramgroups.schedules import Horizon


@dataclass(frozen=True, eq=False)
class Group:
    """One parameter group of an optimizer.

    Attributes:
        number: Its place among the groups of its optimizer.
        label: How messages name it: `group 2`, or `group "head"`.
        settings: What the optimizer holds for it; only read.
        params: Its tensors.
        names: Their canonical names; what the model does not have is named by its place.
        optimizer: The optimizer that holds it.
    """

    number: int
    label: str
    settings: Mapping[str, Any]
    params: tuple[Tensor, ...]
    names: tuple[str, ...]
    optimizer: Optimizer

    @cached_property
    def base(self) -> float | None:
        """The rate that was asked for, before any schedule; None where it is no finite number."""
        first = self.value("initial_lr")
        return self.value("lr") if first is None else first

    def value(self, key: str) -> float | None:
        """A setting as a number; None where it is not there, or no finite number."""
        return number(self.settings.get(key))


Member = tuple[Group, Row, Tensor]


@dataclass(frozen=True, eq=False)
class Subject:
    """What an audit looks at.

    Attributes:
        model: The model.
        index: Its parameters by name.
        tensors: The live tensor of each canonical name.
        groups: The groups of all optimizers.
        optimizers: The optimizers, out of their wrappers.
        drivers: The schedulers, with what they drive.
        horizon: How long training is to be, as far as it was told.
    """

    model: nn.Module
    index: Index
    tensors: Mapping[str, Tensor]
    groups: tuple[Group, ...]
    optimizers: tuple[Optimizer, ...]
    drivers: tuple[Driver, ...]
    horizon: Horizon

    @cached_property
    def names(self) -> dict[int, str]:
        """The canonical name of each of the model's tensors, by its identity."""
        return {id(tensor): name for name, tensor in self.tensors.items()}

    @property
    def plan(self) -> Plan | None:
        """The plan that drives the rates, where one does."""
        return next((one.scheduler.plan for one in self.drivers if one.is_ours), None)

    @cached_property
    def held(self) -> frozenset[int]:
        """The identities of all tensors in the groups."""
        return frozenset(id(tensor) for group in self.groups for tensor in group.params)

    @cached_property
    def modules(self) -> tuple[nn.Module, ...]:
        """All modules of the model, each once."""
        return tuple(self.model.modules())

    def row(self, name: str) -> Row:
        """What the index knows of a parameter."""
        return self.index[name]

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The model's parameters that are in groups, each with its group."""
        names, rows = self.names, {row.name: row for row in self.index}
        return tuple(
            (group, rows[name], tensor)
            for group in self.groups
            for tensor in group.params
            if (name := names.get(id(tensor))) is not None
        )

    @cached_property
    def trained(self) -> tuple[Member, ...]:
        """Those of them that require a gradient."""
        return tuple(one for one in self.members if one[2].requires_grad)


def number(found: object) -> float | None:
    """A finite number out of what a group may hold under a key; None for anything else.

    Example:
        >>> import torch
        >>> number(3), number(torch.tensor(0.5)), number("1e-4"), number(True), number(float("nan"))
        (3.0, 0.5, None, None, None)
    """
    if type(found) is float and math.isfinite(found):
        return found
    if isinstance(found, Tensor) and found.numel() == 1 and not found.is_meta:
        found = found.item()
    if isinstance(found, bool) or not isinstance(found, Real):
        return None
    try:
        return float(found) if math.isfinite(found) else None
    except OverflowError:
        return None


Check = Callable[[Subject], Iterator[Finding]]
