"""The optimizers that a recipe may name, and the hyperparameters that each of them reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from reprlib import repr as shown
from typing import Any

import torch

from paramgroups.errors import RuleError, nearest
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.hyperparameters import CLIPPING, PACKED, unpack

LONGEST = 100
"""No name is longer; more of a wrong one is not compared."""

RATE = 1e-3
"""Stands for the rate, which a recipe always gives."""

TITLES = {"lion": "Lion"}
"""What people call those of ours whose names are no initials."""

Named = str | type[torch.optim.Optimizer]


@dataclass(frozen=True, slots=True)
class OptimizerClass:
    """An optimizer, and the default of every hyperparameter that it reads from a group.

    Attributes:
        name: What people call it.
        named: What a recipe calls it: its lower-case name where torch or we have one, else its class.
        cls: Its class; None where torch has none, and we alone step it.
        defaults: By hyperparameter; among them is what any group may be clipped by.
    """

    name: str
    named: Named
    cls: type[torch.optim.Optimizer] | None
    defaults: Mapping[str, Any] = field(hash=False)

    @property
    def is_ours(self) -> bool:
        """Whether we have its update rule, so that we step it, rows of tensors too."""
        return self.named in ALGORITHMS


@cache
def torch_optimizers() -> dict[str, type[torch.optim.Optimizer]]:
    """The optimizers of `torch.optim` by their lower-case names."""
    classes = vars(torch.optim).values()
    return {
        cls.__name__.lower(): cls
        for cls in classes
        if isinstance(cls, type)
        and issubclass(cls, torch.optim.Optimizer)
        and cls is not torch.optim.Optimizer
    }


def optimizer_class(named: Named) -> OptimizerClass:
    """Find an optimizer by its lower-case name, or read a class.

    Where torch has a class of a name, its defaults are taken.

    Args:
        named: Lower-case name of a class of `torch.optim` or of an update rule of ours, or an optimizer's
            class.

    Raises:
        RuleError: No optimizer has this name, or the class cannot be made from a parameter and a rate.

    Example:
        >>> optimizer_class("adamw").defaults["beta1"]
        0.9
    """
    found: Any = torch_optimizers().get(named) if isinstance(named, str) else named
    if _is_class(found):
        return _read(found)
    if not isinstance(named, str):
        raise RuleError(
            f"optimizer={shown(named)} is no optimizer. Give the lower-case name of a torch.optim class "
            f"or of ours ({', '.join(ours_alone())}), or an optimizer class."
        )
    if named in ALGORITHMS:
        return _of_ours(named)
    known = {*torch_optimizers(), *ALGORITHMS}
    raise RuleError(f"optimizer={shown(named)} is not known. {nearest(named[:LONGEST].lower(), known)}")


def _is_class(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, torch.optim.Optimizer)


def ours_alone() -> list[str]:
    """The names of the update rules that torch has no class for."""
    return sorted(ALGORITHMS.keys() - torch_optimizers())


@cache
def _of_ours(name: str) -> OptimizerClass:
    defaults = _settable(unpack(ALGORITHMS[name].defaults))
    return OptimizerClass(TITLES.get(name, name.upper()), name, None, {**defaults, "lr": RATE, **CLIPPING})


def _take(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> None:
    optimizer.param_groups.append(optimizer.defaults | group | {"params": list(group["params"])})


@cache
def _read(cls: Any) -> OptimizerClass:
    """A class tells its defaults when it is made, so make one of a tensor that nobody trains.

    Torch's own `add_param_group` loads the compiler, which takes a second that a plan does not need.
    """
    probe = torch.nn.Parameter(torch.zeros(1, 1))
    try:
        made = type(cls.__name__, (cls,), {"add_param_group": _take})([probe], lr=RATE)
    except Exception as error:
        raise RuleError(
            f"optimizer={cls.__name__} cannot be made from parameters and lr alone: {error}. "
            "Give its other arguments a default, for example in a subclass."
        ) from error
    _check_packed(cls.__name__, made.defaults)
    read = _settable(unpack(made.defaults))
    clipping = {name: default for name, default in CLIPPING.items() if name not in read}
    return OptimizerClass(cls.__name__, torch_name(cls) or cls, cls, read | clipping)


def _check_packed(name: str, defaults: Mapping[str, Any]) -> None:
    """We write `beta1` and `beta2` back as `betas`, which a class of separate ones would never read."""
    for key, part in PACKED.items():
        if {f"{part}1", f"{part}2"} <= set(defaults):
            raise RuleError(
                f"optimizer={name} reads {part}1 and {part}2 from its groups, where torch's read {key}. "
                f"Give a subclass that reads {key}."
            )


def _settable(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Without what cannot be compared, such as a dict: torch fills such a key in, and no rule sets it."""
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in defaults.items()}
    return {name: value for name, value in plain.items() if is_hashable(value)}


def is_hashable(value: Any) -> bool:
    """Whether it can be a key."""
    try:
        hash(value)
    except TypeError:
        return False
    return not isinstance(value, torch.Tensor)


def torch_name(cls: type[torch.optim.Optimizer]) -> str | None:
    """The lower-case name of a class of `torch.optim`; None for any other."""
    name = cls.__name__.lower()
    return name if torch_optimizers().get(name) is cls else None
