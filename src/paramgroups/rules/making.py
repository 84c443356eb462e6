"""What a table with `use` stands for: None, a value that differs from row to row, or whole rules."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any

from paramgroups.errors import RuleError, nearest, shown
from paramgroups.rules.checks import DEEPEST, LONGEST, name_text, plain
from paramgroups.rules.controller import Controller
from paramgroups.rules.recipe import Rules
from paramgroups.rules.rule import Rule
from paramgroups.rules.toml import NONE
from paramgroups.rules.values import RowValue, Table


@dataclass(frozen=True, slots=True)
class Makers:
    """What `use = "…"` may name: makers of values, of whole rules, and of controllers."""

    values: Mapping[str, Callable[..., RowValue]] = field(default_factory=dict)
    rules: Mapping[str, Callable[..., Rule | Rules]] = field(default_factory=dict)
    controllers: Mapping[str, Callable[..., Controller]] = field(default_factory=dict)


def expect(holds: bool, where: str, value: Any, fix: str) -> None:  # noqa: FBT001  # a condition
    """Refuse a value at a place of the data unless a condition holds."""
    if not holds:
        raise RuleError(f"{where} = {shown(value)}: {fix}.")


def table_of(data: Any, where: str) -> dict[str, Any]:
    """A table of the data, to be taken apart.

    Raises:
        RuleError: It is none, or has a key that is no text.
    """
    expect(isinstance(data, Mapping), where, data, "a table is expected")
    for key in data:
        expect(isinstance(key, str), where, key, "a key is text")
    return dict(data)


def value_of(data: Any, makers: Mapping[str, Callable[..., RowValue]], depth: int = 0) -> Any:
    """The value of a setting that plain data stand for.

    Raises:
        RuleError: They stand for none.
    """
    if isinstance(data, (date, time)):
        raise RuleError(f"{data} is a date, which is no setting. Write a number, text, a switch or a list.")
    if isinstance(data, list) and depth < DEEPEST:
        return [value_of(part, makers, depth + 1) for part in data]
    if not isinstance(data, dict):
        return data
    table = table_of(data, "value")
    if table == NONE:
        return None
    if depth:
        raise RuleError(f"{shown(data)} is a table within a list or table. Write a number, text or a switch.")
    return made_by(table, {**makers, "table": _row_table})


def _row_table(values: Any, label: str = "table", opaque: bool = True) -> Table:  # noqa: FBT001, FBT002, ARG001  # keys of a file
    found = table_of(values, "values").items()
    return Table(
        name_text("label", label), tuple((name, plain(name, value_of(value, {}, 1))) for name, value in found)
    )


def made_by(data: dict[str, Any], makers: Mapping[str, Callable[..., Any]]) -> Any:
    """What the maker that `use` names makes of the other keys.

    Raises:
        RuleError: There is no such maker, or it takes other keys.
    """
    if "use" not in data:
        raise RuleError(f"{shown(data)} says not what it is. {nearest('', makers)} Write use = …")
    use = data.pop("use")
    if not isinstance(use, str) or use not in makers:
        raise RuleError(f"use = {shown(use)} is not known. {nearest(str(use)[:LONGEST], makers)}")
    maker = makers[use]
    try:
        call = inspect.signature(maker).bind(**data)
    except TypeError as error:
        wanted = ", ".join(inspect.signature(maker).parameters)
        raise RuleError(f'use = "{use}": {error}. It takes: {wanted}.') from error
    return maker(*call.args, **call.kwargs)
