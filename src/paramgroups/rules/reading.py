"""A recipe out of plain data: every key known, every mistake named by its place."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from paramgroups.errors import ParamGroupsError, RuleError, nearest
from paramgroups.rules.recipe import Recipe, Rules
from paramgroups.rules.rule import Rule, rule
from paramgroups.rules.values import RowValue, Table
from paramgroups.schedules import Schedule
from paramgroups.schedules import from_data as schedule_from_data


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
            its place, such as `rules[2].until`.
    """
    settings = dict(data)
    for key in ("optimizer", "lr"):
        if key not in settings:
            raise RuleError(f'A recipe needs "{key}". {_example(key)}')
    rules = settings.pop("rules", [])
    _expect(isinstance(rules, list), "rules", rules, "write each rule under [[rules]]")
    schedules = _schedules(settings, "")
    name = settings.pop("name", name)
    _expect(name is None or isinstance(name, str), "name", name, "give text")
    made = [_rule(item, makers, f"rules[{number}]") for number, item in enumerate(rules, 1)]
    return Recipe(**settings, **schedules, rules=made, name=name)


def _example(key: str) -> str:
    return {"optimizer": 'Write optimizer = "adamw".', "lr": "Write lr = 3e-4."}[key]


def _expect(holds: bool, where: str, value: Any, fix: str) -> None:  # noqa: FBT001  # a condition
    if not holds:
        raise RuleError(f"{where} = {value!r}: {fix}.")


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


def _rule(data: Any, makers: Makers, where: str) -> Rule | Rules:
    _expect(isinstance(data, dict), where, data, "a rule is a table")
    settings = dict(data)
    if "use" in settings:
        return _made(settings, makers.rules, where)  # type: ignore[no-any-return]  # what a maker gives
    _expect(
        isinstance(settings.get("select"), str), f"{where}.select", settings.get("select"), "give a selector"
    )
    _expect("selector" not in settings, f"{where}.selector", settings.get("selector"), 'the key is "select"')
    schedules = _schedules(settings, f"{where}.")
    with _place(where):
        values = {key: _value(value, makers, key) for key, value in settings.items() if key != "select"}
        return rule(settings["select"], **values, **schedules)


def _value(value: Any, makers: Makers, where: str) -> Any:
    if not isinstance(value, dict):
        return value
    if value.get("use") == "table":
        return _table(value)
    return _made(dict(value), makers.values, where)


def _table(data: dict[str, Any]) -> Table:
    label, values = data.get("label", "table"), data.get("values")
    _expect(isinstance(values, dict), "values", values, "give a value for each name")
    return Table(str(label), tuple(dict(values or {}).items()))


def _made(data: dict[str, Any], makers: Mapping[str, Callable[..., Any]], where: str) -> Any:
    use = data.pop("use", None)
    if not isinstance(use, str) or use not in makers:
        raise RuleError(f"{where}: use = {use!r} is not known. {nearest(str(use), makers)}")
    maker = makers[use]
    try:
        call = inspect.signature(maker).bind(**data)
    except TypeError as error:
        wanted = ", ".join(inspect.signature(maker).parameters)
        raise RuleError(f'{where}: use = "{use}": {error}. It takes: {wanted}.') from error
    with _place(where):
        return maker(*call.args, **call.kwargs)
