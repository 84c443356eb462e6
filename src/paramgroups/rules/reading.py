"""A recipe out of plain data: every key known, every mistake named by its place."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from paramgroups.errors import ParamGroupsError, RuleError
from paramgroups.optim import optimizer_class
from paramgroups.optim.hyperparameters import PACKED
from paramgroups.rules.checks import LONGEST
from paramgroups.rules.controller import Controller
from paramgroups.rules.making import Makers, expect, made_by, table_of, value_of
from paramgroups.rules.recipe import Recipe, Rules, flat
from paramgroups.rules.rule import BASES, FILE_WORDS, OPTIONS, OWN, Rule, assignments, nearest_setting, rule
from paramgroups.schedules import Schedule
from paramgroups.schedules import from_data as schedule_from_data
from paramgroups.select import parse

EXAMPLES = {"optimizer": 'Write optimizer = "adamw".', "lr": "Write lr = 3e-4."}
SCHEDULES = ("schedule", "schedules")
RECIPE_WORDS = (*EXAMPLES, *BASES, *SCHEDULES, *PACKED, "name", "rules", "controllers")
RULE_WORDS = (*FILE_WORDS, *OPTIONS, *OWN, *SCHEDULES, *PACKED, "lr_scale", "weight_decay_scale")


def read_recipe(data: Mapping[str, Any], makers: Makers, name: str | None = None) -> Recipe:
    """A recipe out of what `Recipe.to_data` gives.

    Args:
        data: Plain data, as a TOML file holds it.
        makers: What `use` may name.
        name: The recipe's name where the data has none.

    Raises:
        ParamGroupsError: Something is unknown, lacking or of the wrong kind; the message begins with
            its place, such as `rules[2].until`, where rules count from 1.
    """
    settings = table_of(data, "The recipe")
    for key, example in EXAMPLES.items():
        if key not in settings:
            raise RuleError(f'A recipe needs "{key}". {example}')
    rules = settings.pop("rules", [])
    expect(isinstance(rules, list), "rules", rules, "write each rule under [[rules]]")
    controllers = settings.pop("controllers", [])
    expect(isinstance(controllers, list), "controllers", controllers, "write each one under [[controllers]]")
    schedules = _schedules(settings, "")
    name = settings.pop("name", name)
    values = {key: _setting(key, value, makers, key) for key, value in settings.items()}
    made = {f"rules[{number}]": _rule(item, makers, number) for number, item in enumerate(rules, 1)}
    feedback = [_controller(item, makers, number) for number, item in enumerate(controllers, 1)]
    recipe = Recipe(**values, **schedules, rules=made.values(), controllers=feedback, name=name)
    _check_read(recipe, made)
    return recipe


@contextmanager
def _place(where: str) -> Iterator[None]:
    """Errors begin with the place in the data that they are about."""
    try:
        yield
    except ParamGroupsError as error:
        raise type(error)(f"{where}: {error}") from error


def _schedules(table: dict[str, Any], where: str) -> dict[str, Any]:
    """Take the schedules out of a table."""
    found: dict[str, Any] = {}
    if "schedule" in table:
        found["schedule"] = schedule_from_data(table.pop("schedule"), f"{where}schedule")
    if "schedules" in table:
        found["schedules"] = _named_schedules(table.pop("schedules"), f"{where}schedules")
    return found


def _named_schedules(data: Any, where: str) -> dict[str, Schedule]:
    expect(isinstance(data, dict), where, data, "name the hyperparameters: { weight_decay = {…} }")
    return {key: schedule_from_data(value, f"{where}.{key}") for key, value in data.items()}


def _rule(data: Any, makers: Makers, number: int) -> Rule | Rules:
    where = f"rules[{number}]"
    settings = table_of(data, where)
    if "use" in settings:
        with _place(where):
            made: Rule | Rules = made_by(settings, makers.rules)
            return made
    expect("selector" not in settings, f"{where}.selector", settings.get("selector"), 'the key is "select"')
    expect("select" in settings, where, data, 'a rule has a key select, or use = "no_decay"')
    with _place(f"{where}.select"):
        selector = parse(settings.pop("select"))
    schedules = _schedules(settings, f"{where}.")
    values = {key: _setting(key, value, makers, f"{where}.{key}") for key, value in settings.items()}
    with _place(where):
        return rule(selector, **values, **schedules)


def _controller(data: Any, makers: Makers, number: int) -> Controller:
    where = f"controllers[{number}]"
    settings = table_of(data, where)
    with _place(where):
        made: Controller = made_by(settings, makers.controllers)
        return made


def _setting(key: str, data: Any, makers: Makers, where: str) -> Any:
    """One value, looked at alone so that the place of a mistake is known."""
    with _place(where):
        value = value_of(data, makers.values)
        if key in OPTIONS:
            OPTIONS[key](key, value)
        else:
            assignments({key: value})
    return value


def _check_read(recipe: Recipe, made: Mapping[str, Rule | Rules]) -> None:
    """Every hyperparameter is read by an optimizer that the recipe names somewhere."""
    optimizers = [recipe.optimizer, *(rule.optimizer for rule in recipe.rules if rule.optimizer)]
    known = {name for one in optimizers for name in optimizer_class(one).defaults}
    _check_known([*recipe.settings, *dict(recipe.schedules)], known, "", RECIPE_WORDS)
    for where, rules in made.items():
        named = [name for one in flat([rules]) for name in one.hyperparameters]
        _check_known(named, known, f"{where}.", RULE_WORDS)


def _check_known(names: Iterable[str], known: set[str], where: str, words: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            near = nearest_setting(name[:LONGEST], {*known, *words})
            raise RuleError(f"{where}{name}: no optimizer of this recipe reads it. {near}")
