"""Freezing by a plan: levels that thaw one after another, each alone, or all after the head."""

from paramgroups.recipes.thaws import ChainThaw, GradualUnfreezing, Order
from paramgroups.rules import Rule, rule
from paramgroups.schedules import Length
from paramgroups.schedules.lengths import period
from paramgroups.select import Selector, as_selector


def gradual_unfreezing(
    every: Length | None = None,
    over: Length | None = None,
    *,
    order: Order = "top_down",
    select: str | Selector = "**",
    start: Length = 0,
) -> Rule:
    """Thaw one level of depth after another.

    Of the levels 0, 1, …, k in the order in which they thaw, level i is trained from tick start + i × every
    on, or start + i × (over − start) ÷ k: the first from `start`, the last at `over`. Levels are the distinct
    depths of the selected parameters, the head's on top; in a model of several towers each tower counts its
    own. A tied weight has one depth, that of its first use. What the model itself has frozen stays frozen.

    Args:
        every: From one level to the next: ticks (an int), `"1 epoch"`, `"10%"`. This or `over`.
        over: When the last level thaws, the others spread evenly before it.
        order: `"top_down"`, the head first; or `"bottom_up"`, the input first.
        select: Which parameters take part; others are left as they are.
        start: When the first level thaws.

    Raises:
        RuleError: Not one of `every` and `over` is given, or `start` has another unit; or, when planned, all
            parameters lie at one depth.
        ScheduleError: One is no length.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
        >>> rules = [pg.recipes.gradual_unfreezing(every="1 epoch")]
        >>> recipe = pg.Recipe(optimizer="adamw", lr=1e-3, rules=rules)
        >>> plan = pg.plan(model, recipe, epochs=4, steps_per_epoch=1)
        >>> [[plan.at(epoch)[f"{layer}.weight"].trainable for layer in range(3)] for epoch in range(4)]
        [[False, False, True], [False, True, True], [True, True, True], [True, True, True]]

    Source: ULMFiT (Howard and Ruder 2018, arXiv 1801.06146), section 3.3: the last layer first, the next
    lower one each epoch.
    """
    return rule(select, trainable=False, until=GradualUnfreezing(every, over, order, start))


def chain_thaw(every: Length, *, select: str | Selector = "**") -> list[Rule]:
    """Train the top level alone, then each other level alone from the input upwards, then all together.

    With n levels of depth the top has the ticks from 0 to before `every`, the level i above the input those
    from (i + 1) × every to before (i + 2) × every, and all are trained from n × every on. In a model of
    several towers they take their turns side by side, and n is that of the tallest.

    Args:
        every: How long each level is trained alone: ticks (an int), `"1 epoch"`, `"10%"`.
        select: Which parameters take part; others are left as they are.

    Raises:
        RuleError: When planned: all parameters lie at one depth.
        ScheduleError: `every` is no length above 0.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
        >>> recipe = pg.Recipe(optimizer="adamw", lr=1e-3, rules=[pg.recipes.chain_thaw(1)])
        >>> plan = pg.plan(model, recipe, steps=4)
        >>> [[plan.at(step)[f"{layer}.weight"].trainable for layer in range(3)] for step in range(4)]
        [[False, False, True], [True, False, False], [False, True, False], [True, True, True]]

    Source: Felbo et al. 2017 (arXiv 1708.00524), section 3.3. They go on to the next layer when a validation
    loss no longer falls; here each has equal time.
    """
    turn, rest, together = (ChainThaw(every, moment) for moment in ("turn", "rest", "all"))
    return [
        rule(select, trainable=False, until=turn),
        rule(select, trainable=False, start=rest, until=together),
    ]


def lp_ft(until: Length, select: str | Selector = ":head") -> list[Rule]:
    """Train the head alone first, then everything: linear probing, then fine-tuning.

    Args:
        until: The first tick at which all is trained: ticks (an int), `"1 epoch"`, `"20%"`.
        select: What the head is; it is trained all along, also where the model has it frozen.

    Raises:
        SelectorError: The selector is not in the language; or, when planned, there is no head.
        ScheduleError: `until` is no length above 0.

    Example:
        >>> import paramgroups as pg
        >>> for rule in pg.recipes.lp_ft("20%"): print(rule)
        rule('**', trainable=False, until='20%')
        rule(':head', trainable=True)

    Source: Kumar et al. 2022 (arXiv 2202.10054): a head that fits before the rest moves keeps the features
    from being distorted. The rates of both stages are the recipe's; the paper tunes the second on its own.
    """
    return [
        rule("**", trainable=False, until=period("lp_ft: until", until)),
        rule(as_selector(select), trainable=True),
    ]
