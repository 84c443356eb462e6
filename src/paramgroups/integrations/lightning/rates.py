"""The common rate of a recipe, which Lightning's range test looks for."""

from paramgroups.planning import Plan
from paramgroups.rules import Recipe
from paramgroups.rules.rule import BASES


def with_rate(recipe: Recipe, lr: float) -> Recipe:
    """The same recipe with another rate: what scales keeps its ratio to it, what is set stays as it is.

    Raises:
        RuleError: It is no rate.

    Example:
        >>> import paramgroups as pg
        >>> with_rate(pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", lr_scale=10)]), 0.5)
        Recipe(optimizer='sgd', lr=0.5, rules=[rule('head', lr_scale=10.0)])
    """
    own = {name: value for name, value in recipe.own.items() if value != BASES[name]}
    return Recipe(
        optimizer=recipe.optimizer,
        rules=recipe.rules,
        schedules=dict(recipe.schedules),
        controllers=recipe.controllers,
        name=recipe.name,
        **(recipe.settings | own | {"lr": lr}),
    )


class Shares:
    """What the rate of each group is at each common rate, schedules left out.

    Args:
        plan: The plan.
    """

    def __init__(self, plan: Plan) -> None:
        one, two = (
            Plan(with_rate(plan.given, rate), plan.index, plan.horizon, plan.pins) for rate in (1.0, 2.0)
        )
        names = {group.name: group.names[0] for group in plan.groups}
        self._lines = {
            group: (2 * one[name].lr - two[name].lr, two[name].lr - one[name].lr)
            for group, name in names.items()
        }

    def follows(self, group: str) -> bool:
        """Whether a group's rate is a multiple of the common one."""
        return self._lines.get(group, (0.0, 0.0))[1] > 0

    def rate(self, group: str, common: float) -> float:
        """The rate of a group; of one that was added to the optimizer since, the common one."""
        fixed, share = self._lines.get(group, (0.0, 1.0))
        return fixed + share * common
