"""From a model and a recipe to a plan."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from paramgroups.errors import PlanError, RuleError, shown
from paramgroups.indexing import Index, index, measure
from paramgroups.optim import is_number
from paramgroups.planning.matching import Pins
from paramgroups.planning.plan import Plan
from paramgroups.rules import Recipe
from paramgroups.schedules import Horizon


def plan(  # noqa: PLR0913  # the words of the language
    model: nn.Module | Index,
    recipe: Recipe,
    *,
    steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    depth: Any = None,
    example: Any = None,
    pins: Pins | None = None,
) -> Plan:
    """Resolve a recipe against a model.

    With `steps`, or `epochs` and `steps_per_epoch`, a tick of the plan is an update of the optimizer;
    with `epochs` alone an epoch.

    Args:
        model: The model, wrapped or not, on any device; on `meta` nothing is allocated. Or its index.
        recipe: What is wanted.
        steps: Updates in all.
        epochs: Epochs in all.
        steps_per_epoch: Updates in an epoch.
        depth: What lies how deep, where the model's structure does not say; as `pg.index` takes it.
        example: An example input to trace, where structure is not enough; as `pg.index` takes it.
        pins: Statistics of the weights that another plan read, `other.pins`, for selectors such as
            `[rms>0.5]`; they are measured unless given.

    Raises:
        NoMatchError: A rule matches nothing.
        PlanError: A hyperparameter is read by nobody, a value leaves its domain, a window is empty, the
            model has no parameters.
        ScheduleError: A schedule does not fit the horizon.
        ModelError: A statistic is asked of weights that are on `meta`, or the model cannot be indexed.
        RuleError: The recipe is none.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> recipe = pg.Recipe(optimizer="adamw", lr=1e-3, rules=[pg.rule(":bias", weight_decay=0.0)])
        >>> plan = pg.plan(model, recipe, steps=100)
        >>> plan["0.weight"].weight_decay, plan["0.bias"].weight_decay
        (0.01, 0.0)
    """
    if not isinstance(recipe, Recipe):
        raise RuleError(f"pg.plan: {recipe!r} is no recipe. Give a pg.Recipe, or pg.load_recipe(path).")
    horizon = Horizon.of(steps, epochs, steps_per_epoch)
    pins = _checked(pins or {})
    if isinstance(model, Index):
        if depth is not None or example is not None:
            raise PlanError("pg.plan: an index has its depths already. Give depth= or example= to pg.index.")
        return Plan(recipe, model, horizon, pins)
    if not isinstance(model, nn.Module):
        raise PlanError(f"pg.plan: {type(model).__name__} is no model. Give a torch.nn.Module, or its index.")
    found = index(model, depth=depth, example=example)
    return Plan(recipe, found, horizon, _pins(model, recipe, pins), model=model)


def _checked(pins: Pins) -> Pins:
    if isinstance(pins, Mapping) and all(_is_pinned(found) for found in pins.values()):
        return {statistic: dict(found) for statistic, found in pins.items()}
    raise PlanError(
        f"pins={shown(pins)}: give what another plan read, `other.pins`, or for each statistic the value of "
        "each name."
    )


def _is_pinned(found: object) -> bool:
    return isinstance(found, Mapping) and all(map(is_number, found.values()))


def _pins(model: nn.Module, recipe: Recipe, pins: Pins) -> dict[str, Mapping[str, float]]:
    """What is pinned already, and what the selectors read besides."""
    wanted = {name for rule in recipe.rules for name in rule.selector.statistics} - set(pins)
    return dict(pins) | (measure(model, sorted(wanted)) if wanted else {})
