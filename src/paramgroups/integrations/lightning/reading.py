"""An optimizer of torch as a recipe: what its groups hold, said as settings and rules."""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from paramgroups.indexing import index
from paramgroups.optim.hyperparameters import SWITCHES
from paramgroups.planning.binding import bind
from paramgroups.rules import Recipe, Rule, rule
from paramgroups.select import named

NOT_SETTINGS = ("params", "param_names", "name", "initial_lr", *SWITCHES)


def recipe_of_optimizer(optimizer: Optimizer, model: nn.Module, spared: str) -> Recipe:
    """The recipe that gives every parameter what an optimizer gives it.

    The first group is the recipe's own settings, and what is in no group is frozen.

    Args:
        optimizer: The optimizer.
        model: The model.
        spared: The child of the model whose parameters may be in no group, and are left as they are.
    """
    first, *others = optimizer.param_groups
    names = {id(tensor): name for name, tensor in bind(index(model), model).items()}
    common = _settings(first)
    rules = [found for group in others for found in _rules(group, common, names)]
    held = {id(tensor) for group in optimizer.param_groups for tensor in group["params"]}
    left = [name for tensor, name in names.items() if tensor not in held]
    if out := [name for name in left if name.split(".")[0] != spared]:
        rules.append(rule(named(out), trainable=False))
    return Recipe(optimizer=type(optimizer), rules=rules, **common)


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key not in NOT_SETTINGS and value is not None}


def _rules(group: Mapping[str, Any], common: Mapping[str, Any], names: Mapping[int, str]) -> list[Rule]:
    """What a group has of its own."""
    own = {key: value for key, value in _settings(group).items() if common.get(key) != value}
    members = [names[id(tensor)] for tensor in group["params"] if id(tensor) in names]
    return [rule(named(members), **own)] if own and members else []
