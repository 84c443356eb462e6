"""A recipe out of plain data: every key known, every mistake named by its place."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any

from paramgroups.errors import ParamGroupsError, RuleError, nearest
from paramgroups.optim import optimizer_class
from paramgroups.optim.hyperparameters import PACKED
from paramgroups.rules.checks import DEEPEST, LONGEST, name_text, plain
from paramgroups.rules.recipe import Recipe, Rules, flat
from paramgroups.rules.rule import FILE_WORDS, OPTIONS, OWN, SCALE, Rule, assignments, rule
from paramgroups.rules.values import RowValue, Table
from paramgroups.schedules import Schedule
from paramgroups.schedules import from_data as schedule_from_data
from paramgroups.schedules.checks import shown
from paramgroups.select import parse

EXAMPLES = {"optimizer": 'Write optimizer = "adamw".', "lr": "Write lr = 3e-4."}
SCHEDULES = ("schedule", "schedules")
RECIPE_WORDS = (*EXAMPLES, *SCHEDULES, *PACKED, "name", "rules")
RULE_WORDS = (*FILE_WORDS, *OPTIONS, *OWN, *SCHEDULES, *PACKED)
TABLE_KEYS = ("use", "label", "opaque", "values")


@dataclass(frozen=True, slots=True)
class Makers:
    """What `use = "…"` may name: makers of values, and of whole rules."""

    values: Mapping[str, Callable[..., RowValue]] = field(default_factory=dict)
    rules: Mapping[str, Callable[..., Rule | Rules]] = field(default_factory=dict)


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
    settings = _table(data, "The recipe")
    for key, example in EXAMPLES.items():
        if key not in settings:
            raise RuleError(f'A recipe needs "{key}". {example}')
    rules = settings.pop("rules", [])
    _expect(isinstance(rules, list), "rules", rules, "write each rule under [[rules]]")
    schedules = _schedules(settings, "")
    name = settings.pop("name", name)
    values = {key: _setting(key, value, makers, key) for key, value in settings.items()}
    made = {f"rules[{number}]": _rule(item, makers, number) for number, item in enumerate(rules, 1)}
    recipe = Recipe(**values, **schedules, rules=made.values(), name=name)
    _check_read(recipe, made)
    return recipe


def _expect(holds: bool, where: str, value: Any, fix: str) -> None:  # noqa: FBT001  # a condition
    if not holds:
        raise RuleError(f"{where} = {shown(value)}: {fix}.")


def _table(data: Any, where: str) -> dict[str, Any]:
    _expect(isinstance(data, Mapping), where, data, "a table is expected")
    for key in data:
        _expect(isinstance(key, str), where, key, "a key is text")
    return dict(data)


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
    _expect(isinstance(data, dict), where, data, "name the hyperparameters: { weight_decay = {…} }")
    return {key: schedule_from_data(value, f"{where}.{key}") for key, value in data.items()}


def _rule(data: Any, makers: Makers, number: int) -> Rule | Rules:
    where = f"rules[{number}]"
    settings = _table(data, where)
    if "use" in settings:
        with _place(where):
            return _made(settings, makers.rules)  # type: ignore[no-any-return]  # what a maker gives
    _expect("selector" not in settings, f"{where}.selector", settings.get("selector"), 'the key is "select"')
    with _place(f"{where}.select"):
        selector = parse(settings.pop("select", None))  # type: ignore[arg-type]  # it refuses what is no text
    schedules = _schedules(settings, f"{where}.")
    values = {key: _setting(key, value, makers, f"{where}.{key}") for key, value in settings.items()}
    with _place(where):
        return rule(selector, **values, **schedules)


def _setting(key: str, data: Any, makers: Makers, where: str) -> Any:
    """One value, looked at alone so that the place of a mistake is known."""
    with _place(where):
        value = _value(data, makers.values)
        if key in OPTIONS:
            OPTIONS[key](key, value)
        else:
            assignments({key: value})
    return value


def _value(data: Any, makers: Mapping[str, Callable[..., RowValue]], depth: int = 0) -> Any:
    if isinstance(data, (date, time)):
        raise RuleError(f"{data} is a date, which is no setting. Write a number, text, a switch or a list.")
    if isinstance(data, list) and depth < DEEPEST:
        return [_value(part, makers, depth + 1) for part in data]
    if not isinstance(data, dict):
        return data
    table = _table(data, "value")
    if table == {"use": "none"}:
        return None
    return _made(table, {**makers, "table": _row_table} if depth == 0 else {})


def _row_table(values: Any, label: str = "table", opaque: bool = True) -> Table:  # noqa: FBT001, FBT002, ARG001  # keys of a file
    found = _table(values, "values").items()
    return Table(
        name_text("label", label), tuple((name, plain(name, _value(value, {}, 1))) for name, value in found)
    )


def _made(data: dict[str, Any], makers: Mapping[str, Callable[..., Any]]) -> Any:
    use = data.pop("use", None)
    if not isinstance(use, str) or use not in makers:
        raise RuleError(f"use = {shown(use)} is not known. {nearest(str(use)[:LONGEST], makers)}")
    maker = makers[use]
    try:
        call = inspect.signature(maker).bind(**data)
    except TypeError as error:
        wanted = ", ".join(inspect.signature(maker).parameters)
        raise RuleError(f'use = "{use}": {error}. It takes: {wanted}.') from error
    return maker(*call.args, **call.kwargs)


def _check_read(recipe: Recipe, made: Mapping[str, Rule | Rules]) -> None:
    """Every hyperparameter is read by an optimizer that the recipe names somewhere."""
    optimizers = [recipe.optimizer, *(rule.optimizer for rule in recipe.rules if rule.optimizer)]
    known = {name for one in optimizers for name in optimizer_class(one).defaults}
    _check_known([*recipe.settings, *dict(recipe.schedules)], known, "", RECIPE_WORDS)
    scales = {name + SCALE for name in known}
    for where, rules in made.items():
        named = [name for one in flat([rules]) for name in one.hyperparameters]
        _check_known(named, known, f"{where}.", (*RULE_WORDS, *scales))


def _check_known(names: Iterable[str], known: set[str], where: str, words: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            near = nearest(name[:LONGEST], {*known, *words})
            raise RuleError(f"{where}{name}: no optimizer of this recipe reads it. {near}")
