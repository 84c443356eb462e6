"""The slow twin of the cascade: one parameter, one step, one rule after another."""

from dataclasses import dataclass
from typing import Any

import paramgroups as pg
from paramgroups.indexing import Row
from paramgroups.optim import optimizer_class
from paramgroups.rules import RowValue
from paramgroups.schedules import Horizon, Schedule


@dataclass(frozen=True)
class Asked:
    """A parameter, or one row of it, under a recipe."""

    recipe: pg.Recipe
    index: pg.Index
    steps: int
    name: str
    row: int | None = None

    @property
    def parameter(self) -> Row:
        return self.index[self.name]


def bounds(rule: pg.Rule) -> tuple[Any, Any]:
    """Where its window begins and ends, as it is given."""
    return rule.start, rule.until


def acts(rule: pg.Rule, asked: Asked, step: int) -> bool:
    """Whether a rule acts on a parameter, or a row of it, at a step."""
    horizon, position = Horizon.of(asked.steps), asked.index.position(asked.name)
    given = (end.resolve([asked.parameter])[0] if isinstance(end, RowValue) else end for end in bounds(rule))
    first, last = given
    start = 0 if first is None else horizon.length(first)
    until = float("inf") if last is None else horizon.length(last)
    found = rule.selector.select(asked.index)
    inside = (
        any(first <= asked.row < last for first, last in found.intervals(position))
        if asked.row is not None
        else False
    )
    return (inside or bool(found.whole[position])) and start <= step < until


def trainable(asked: Asked, step: int) -> bool:
    """Whether it is trained at a step."""
    value = asked.parameter.trainable
    for rule in asked.recipe.rules:
        if acts(rule, asked, step):
            value = rule.settings.get("trainable", value)
    return value


def timing(asked: Asked, step: int, hyper: str) -> tuple[Schedule | None, str]:
    """The schedule of a hyperparameter at a step, and its clock."""
    schedule, clock = dict(asked.recipe.schedules).get(hyper), "run"
    for rule in asked.recipe.rules:
        outlives = rule.clock == "thaw" and "trainable" in rule.settings
        steps = range(asked.steps) if outlives else (step,)
        if any(acts(rule, asked, other) for other in steps):
            if hyper in dict(rule.schedules):
                schedule, clock = dict(rule.schedules)[hyper], rule.clock
            elif not rule.schedules and rule.clock == "thaw":
                clock = "thaw"
    return schedule, clock


def value(asked: Asked, step: int, hyper: str) -> Any:
    """The value of a hyperparameter at a step."""
    found = {**optimizer_class(asked.recipe.optimizer).defaults, **asked.recipe.settings}[hyper]
    for rule in asked.recipe.rules:
        for one in rule.assignments:
            if one.name == hyper and acts(rule, asked, step):
                given = (
                    one.value.resolve([asked.parameter])[0] if isinstance(one.value, RowValue) else one.value
                )
                found = found * given if one.scales else given
    schedule, clock = timing(asked, step, hyper)
    if schedule is None:
        return found
    alive = [False, *(trainable(asked, tick) for tick in range(asked.steps))]
    thaws = [tick for tick in range(asked.steps) if alive[tick + 1] and not alive[tick]]
    begun = [tick for tick in thaws if tick <= step] or thaws[:1] or [0]
    began = begun[-1] if clock == "thaw" else 0
    return found * schedule.over(Horizon(asked.steps - began))(max(0, step - began))
