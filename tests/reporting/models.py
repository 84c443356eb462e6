"""Small plans to draw."""

from typing import Any

from torch import nn

from paramgroups.planning import Plan, plan
from paramgroups.rules import Recipe, rule


def network(layers: int = 3) -> nn.Module:
    return nn.Sequential(*(nn.Linear(4, 4) for _ in range(layers - 1)), nn.Linear(4, 2))


def planned(*rules: Any, steps: int | None = 20, layers: int = 3, **settings: Any) -> Plan:
    recipe = Recipe(optimizer="sgd", lr=0.1, rules=rules, **settings)
    return plan(network(layers), recipe, steps=steps)


GRADUAL = (
    rule("2", lr_scale=10, group="head"),
    rule("1", group="middle"),
    rule("0", lr_scale=0.1, group="bottom"),
    rule("1", trainable=False, until="25%", clock="thaw"),
    rule("0", trainable=False, until="50%"),
)
