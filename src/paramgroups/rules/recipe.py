"""A recipe: the optimizer's defaults and an ordered list of rules. Plain data."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from paramgroups.errors import RuleError, shown
from paramgroups.optim.classes import Named
from paramgroups.rules.checks import DEEPEST, name_text
from paramgroups.rules.controller import Controller
from paramgroups.rules.rule import (
    BASES,
    OWN,
    Assignment,
    Rule,
    assignments,
    checked_schedules,
    optimizer_name,
)
from paramgroups.rules.toml import dump
from paramgroups.rules.values import Data, RowValue, to_data
from paramgroups.schedules import Schedule
from paramgroups.schedules import to_data as schedule_data

Rules = Iterable["Rule | Rules"]


@dataclass(frozen=True, init=False)
class Recipe:
    """What every parameter gets unless a rule says otherwise, and the rules.

    Args:
        optimizer: Lower-case name of a class of `torch.optim`, one of ours such as `"lion"`, or an optimizer
            class.
        lr: The rate that rules set or scale, at least 0.
        rules: Rules in the order in which they act; a list within the list is read in place.
        schedule: The schedule of the rate.
        schedules: Schedules of other hyperparameters, by name.
        controllers: Feedback from metrics, such as `pg.control.plateau("head", "val_loss")`.
        name: What error messages call the recipe; a loaded one has the name of its file.
        **settings: Other hyperparameters of the optimizer, for all parameters. What is unset has the
            default of the optimizer's class. Also `moments`, `dropout`, `rewarm` and `decay`, which `rule`
            explains.

    Raises:
        RuleError: The optimizer is not known, or a value has no meaning.

    Example:
        >>> import paramgroups as pg
        >>> pg.Recipe(optimizer="sgd", lr=0.1, momentum=0.9, rules=[pg.rule("head", lr_scale=10)])
        Recipe(optimizer='sgd', lr=0.1, momentum=0.9, rules=[rule('head', lr_scale=10.0)])
    """

    optimizer: Named
    assignments: tuple[Assignment, ...]
    rules: tuple[Rule, ...]
    schedules: tuple[tuple[str, Schedule], ...]
    controllers: tuple[Controller, ...]
    name: str | None = field(compare=False)

    def __init__(  # noqa: PLR0913  # the words of the language
        self,
        /,
        *,
        optimizer: Named,
        lr: float,
        rules: Rules = (),
        schedule: Schedule | None = None,
        schedules: Mapping[str, Schedule] | None = None,
        controllers: Iterable[Controller] = (),
        name: str | None = None,
        **settings: Any,
    ) -> None:
        values = {
            "optimizer": optimizer_name(optimizer),
            "assignments": _defaults({"lr": lr} | settings),
            "rules": tuple(flat(rules)),
            "schedules": tuple(checked_schedules(schedule, schedules).items()),
            "controllers": _controllers(controllers),
            "name": None if name is None else name_text("name", name),
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    @property
    def settings(self) -> dict[str, Any]:
        """The hyperparameters that it gives to all parameters, the rate among them."""
        return {name: value for name, value in self._said.items() if name not in OWN}

    @property
    def own(self) -> dict[str, Any]:
        """What it gives to all parameters that no optimizer reads, such as `moments`, said or not."""
        return {name: self._said.get(name, base) for name, base in BASES.items()}

    @property
    def _said(self) -> dict[str, Any]:
        return {assignment.name: assignment.value for assignment in self.assignments}

    @property
    def lr(self) -> float:
        """The rate that rules set or scale."""
        return float(self.settings["lr"])

    def with_parts(self, rules: Iterable[Rule], schedules: Mapping[str, Schedule]) -> "Recipe":
        """The same recipe with other rules and schedules."""
        made = copy(self)
        object.__setattr__(made, "rules", tuple(rules))
        object.__setattr__(made, "schedules", tuple(schedules.items()))
        return made

    def to_data(self) -> Data:
        """The recipe as plain data: what its TOML says.

        Raises:
            RuleError: It holds a function or a class, which are no data.
        """
        data: Data = {"name": self.name} if self.name else {}
        data |= {"optimizer": _named(self.optimizer)} | self._said
        data |= _schedules_data(dict(self.schedules))
        if self.controllers:
            data["controllers"] = [controller.to_data() for controller in self.controllers]
        return data | {"rules": [rule_data(rule) for rule in self.rules]}

    def to_toml(self) -> str:
        """The recipe as TOML, which `load_recipe` reads back as an equal recipe.

        Raises:
            RuleError: It holds a function or a class, which are no data.
        """
        return dump(self.to_data())

    def __repr__(self) -> str:
        schedules = dict(self.schedules)
        options: dict[str, Any] = {"schedule": schedules.pop("lr", None), "schedules": schedules or None}
        options |= {"rules": list(self.rules) or None, "controllers": list(self.controllers) or None}
        options["name"] = self.name
        parts = {"optimizer": self.optimizer} | self._said
        parts |= {key: value for key, value in options.items() if value is not None}
        return f"Recipe({', '.join(f'{key}={value!r}' for key, value in parts.items())})"


def flat(rules: Any, depth: int = 0) -> Iterator[Rule]:
    """All rules of nested lists, in order.

    Raises:
        RuleError: Something among them is neither a rule nor a list of rules.
    """
    if depth > DEEPEST:
        raise RuleError(f"rules= is a list in a list, {depth} deep. Give one list of rules.")
    for item in _listed(rules):
        if isinstance(item, Rule):
            yield item
        elif isinstance(item, Iterable) and not isinstance(item, (str, Mapping)):
            yield from flat(item, depth + 1)
        else:
            raise RuleError(f"{shown(item)} is no rule. Write pg.rule(selector, setting=value).")


def _listed(given: Any, what: str = "rules") -> Iterator[Any]:
    if not isinstance(given, (str, Mapping)):
        with suppress(TypeError):  # a tensor of no dimensions says it is iterable, and is not
            return iter(given)
    raise RuleError(f"{what}={shown(given)}: give a list of {what}.")


def _controllers(given: Any) -> tuple[Controller, ...]:
    found = tuple(_listed(given, "controllers"))
    for item in found:
        if not isinstance(item, Controller):
            raise RuleError(
                f'{shown(item)} is no controller. Write pg.control.plateau("head", "val_loss"), or your own: '
                "pg.control.function(label, fn, selector=…, metric=…)."
            )
        if found.count(item) > 1:
            raise RuleError(f"controllers= has {shown(item)} twice, and would act twice. Give it once.")
    return found


def _defaults(settings: Mapping[str, Any]) -> tuple[Assignment, ...]:
    found = assignments(settings)
    for assignment in found:
        if assignment.scales:
            raise RuleError(
                f"{assignment.key}= scales, and a recipe's defaults have nothing to scale: set it."
            )
        if isinstance(assignment.value, RowValue):
            raise RuleError(
                f'{assignment.key}= differs from row to row: give it to a rule, such as rule("**", …).'
            )
        if assignment.name == "trainable":
            raise RuleError('trainable= is for rules: write rule("**", trainable=False).')
    return found


def _named(optimizer: Named) -> str:
    if isinstance(optimizer, str):
        return optimizer
    raise RuleError(
        f"optimizer={optimizer.__name__} is a class, and a class is no data. Keep this recipe in Python, or "
        "name an optimizer of torch.optim or of ours."
    )


def _schedules_data(schedules: dict[str, Schedule]) -> Data:
    data = {name: schedule_data(schedule) for name, schedule in schedules.items()}
    rate = data.pop("lr", None)
    found = {"schedule": rate, "schedules": data or None}
    return {key: value for key, value in found.items() if value is not None}


def rule_data(rule: Rule) -> Data:
    """A rule as plain data."""
    if rule.selector.opaque:
        raise RuleError(
            f"{rule.selector.text} is a function, and a function is no data. Plan first, then save "
            "`plan.recipe`: it holds the names that were found instead."
        )
    data: Data = {"select": rule.selector.text}
    data |= {key: _setting_data(key, value) for key, value in rule.settings.items()}
    options = {key: to_data(value) for key, value in rule.options.items()}
    return data | options | _schedules_data(dict(rule.schedules))


def _setting_data(key: str, value: Any) -> Any:
    return _named(value) if key == "optimizer" else to_data(value)
