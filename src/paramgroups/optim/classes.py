"""The optimizers that a recipe may name, and the hyperparameters that each of them reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

from paramgroups.errors import RuleError, nearest
from paramgroups.optim.hyperparameters import unpack

Named = str | type[torch.optim.Optimizer]


@dataclass(frozen=True, slots=True)
class OptimizerClass:
    """An optimizer's class, and the default of every hyperparameter that it reads from a group."""

    name: str
    cls: type[torch.optim.Optimizer]
    defaults: Mapping[str, Any] = field(hash=False)


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

    Args:
        named: Lower-case name of a class of `torch.optim`, or an optimizer class.

    Raises:
        RuleError: No optimizer has this name, or the class cannot be made from a parameter and a rate.

    Example:
        >>> optimizer_class("adamw").defaults["beta1"]
        0.9
    """
    return _read(_find(named))


def _find(named: Named) -> type[torch.optim.Optimizer]:
    if isinstance(named, type) and issubclass(named, torch.optim.Optimizer):
        return named
    if not isinstance(named, str):
        raise RuleError(
            f"optimizer={named!r} is no optimizer. Give the lower-case name of a torch.optim class, "
            "or an optimizer class."
        )
    known = torch_optimizers()
    if named not in known:
        raise RuleError(f'optimizer="{named}" is not known. {nearest(named.lower(), known)}')
    return known[named]


@cache
def _read(cls: Any) -> OptimizerClass:
    """A class tells its defaults when it is made, so make one of a tensor that nobody trains."""
    probe = torch.nn.Parameter(torch.zeros(1, 1))
    try:
        made = cls([probe], lr=1e-3)
    except Exception as error:
        raise RuleError(
            f"optimizer={cls.__name__} cannot be made from parameters and lr alone: {error}. "
            "Give its other arguments a default, for example in a subclass."
        ) from error
    return OptimizerClass(cls.__name__, cls, unpack(made.defaults))
