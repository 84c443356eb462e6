"""Names of groups."""

from torch import nn

import paramgroups as pg
from paramgroups.recipes import gradual_unfreezing


def test_levels_of_several_towers_that_thaw_together_are_both_named() -> None:
    model = nn.Transformer(4, 2, 1, 2, 4, batch_first=True)
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[gradual_unfreezing(every=10)])
    found = {group.name for group in pg.plan(model, recipe, steps=50).groups}
    assert "depth 0 of encoder | depth 1 of decoder" in found


def test_values_that_many_share_are_named_by_the_value() -> None:
    """A rate from a function of the row, whose own word for it is the value."""
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(6)))
    late = pg.per_parameter("late", lambda row: 5 if row.depth > 1 else 0)
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("**", trainable=False, until=late)])
    assert {group.name for group in pg.plan(model, recipe, steps=50).groups} == {"default", "late 5"}
