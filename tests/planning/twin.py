"""The slow twin of the cascade: one parameter, one step, one rule after another, by the words of the design."""

from typing import Any

import paramgroups as pg
from paramgroups.indexing import Row
from paramgroups.optim import optimizer_class
from paramgroups.rules import RowValue
from paramgroups.schedules import Horizon


def said(rule: pg.Rule, row: Row, horizon: Horizon, plan: pg.Plan, step: int) -> bool:
    """Whether a rule acts on a parameter at a step."""
    start = 0 if rule.start is None else horizon.length(rule.start)
    until = float("inf") if rule.until is None else horizon.length(rule.until)
    matched = row.name in rule.selector.select(plan.index).names
    return matched and start <= step < until


def trainable(recipe: pg.Recipe, row: Row, horizon: Horizon, plan: pg.Plan, step: int) -> bool:
    """Whether a parameter is trained at a step."""
    value = row.trainable
    for rule in recipe.rules:
        if said(rule, row, horizon, plan, step):
            value = rule.settings.get("trainable", value)
    return value


def value(recipe: pg.Recipe, row: Row, horizon: Horizon, plan: pg.Plan, step: int, hyper: str) -> Any:
    """The value of a hyperparameter of a parameter at a step."""
    found = {**optimizer_class(recipe.optimizer).defaults, **recipe.settings}[hyper]
    schedule, clock = dict(recipe.schedules).get(hyper), "run"
    for rule in recipe.rules:
        acts = said(rule, row, horizon, plan, step)
        after_thaw = rule.clock == "thaw" and "trainable" in rule.settings
        if acts:
            for one in rule.assignments:
                given = one.value.resolve([row])[0] if isinstance(one.value, RowValue) else one.value
                if one.name == hyper:
                    found = found * given if one.scales else given
        outlives = after_thaw and any(
            said(rule, row, horizon, plan, tick) for tick in range(horizon.ticks or 0)
        )
        if acts or outlives:
            schedules = dict(rule.schedules)
            if hyper in schedules:
                schedule, clock = schedules[hyper], rule.clock
            elif not schedules and rule.clock == "thaw":
                clock = "thaw"
    if schedule is None:
        return found
    ticks = range(horizon.ticks or 0)
    alive = [trainable(recipe, row, horizon, plan, tick) for tick in ticks]
    thaws = [tick for tick in ticks if alive[tick] and not (tick and alive[tick - 1])]
    begun = [tick for tick in thaws if tick <= step] or thaws[:1]
    began = (begun[-1] if clock == "thaw" else 0) if begun else 0
    left = Horizon(horizon.ticks - began, horizon.ticks_per_epoch) if horizon.ticks else horizon
    return found * schedule.over(left)(max(0, step - began))
