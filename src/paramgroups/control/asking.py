"""Asking a controller: what it may be told, and what it may answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from paramgroups.control.checks import pair
from paramgroups.control.guarding import Guard
from paramgroups.control.states import copied, lent, named, returned
from paramgroups.errors import RuleError, listing, shown
from paramgroups.rules import Controller, Observation, RowValue, Rule, State
from paramgroups.rules.rule import OWN


def ask(controller: Controller, state: State, seen: Observation) -> tuple[dict[str, Any], tuple[Rule, ...]]:
    """What a controller makes of an observation, checked.

    It is given a copy of its state as JSON gives it back, so that a resumed run goes on as an unbroken one,
    and so that the state stays as it was, whatever the controller does with it.

    Args:
        controller: Any controller, also a user's own.
        state: What it returned last, or what it begins with.
        seen: What is observed; all of its metrics are there.

    Returns:
        Its next state, plain data of its own, and its rules.

    Raises:
        RuleError: It raised, or what it returned is no state with rules within what it declared.
        ParamGroupsError: It refused the observation.

    Example:
        >>> from paramgroups.control import plateau
        >>> cut = plateau("head", "val_loss", patience=0)
        >>> state, rules = ask(cut, cut.begin(), Observation(0, {"val_loss": 1.0}))
        >>> ask(cut, state, Observation(1, {"val_loss": 1.0}))[1]
        (rule('head', lr_scale=0.1),)
    """
    with named(controller, seen.step):
        if isinstance(controller, Guard):
            after, rules = pair(controller.observe(lent(state), seen))
            return returned(after, seen.step), _rules(rules, controller, seen)
        after, rules = pair(controller.observe(copied(state), seen))
        return copied(after), _rules(rules, controller, seen)


def _rules(given: Any, controller: Controller, seen: Observation) -> tuple[Rule, ...]:
    given = [given] if isinstance(given, Rule) else given
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        raise RuleError(f"Its rules are {shown(given)}. Return a list of rules, empty where nothing changes.")
    rules = tuple(given)
    for rule in rules:
        if not isinstance(rule, Rule):
            raise RuleError(f"{shown(rule)} is no rule. Write pg.rule(selector, lr_scale=0.5).")
        _check_selector(rule, controller)
        _check_options(rule, seen)
        _check_settings(rule)
    return rules


def _check_selector(rule: Rule, controller: Controller) -> None:
    if rule.selector not in controller.selectors:
        declared = listing(f'"{one.text}"' for one in controller.selectors)
        raise RuleError(
            f"{rule!r} selects what the controller did not declare, so its group may not be whole."
            f" It declared: {declared}. Declare this selector too, or use one of those."
        )


def _check_options(rule: Rule, seen: Observation) -> None:
    allowed = ("until", "missing")
    if refused := [option for option in rule.options if option not in allowed]:
        raise RuleError(
            f"{rule!r} has {refused[0]}=, which the plan has decided. A controller's rule sets or scales"
            " from now on, perhaps until= a tick."
        )
    if isinstance(rule.until, RowValue):
        raise RuleError(
            f"{rule!r}: until= differs from row to row, and a group has one end. Give a tick, or a share of"
            " training."
        )
    if isinstance(rule.until, int) and rule.until <= seen.step:
        raise RuleError(f"{rule!r} ends before it acts. Give until= a tick after {seen.step:,.15g}.")


def _check_settings(rule: Rule) -> None:
    for one in rule.assignments:
        if one.name in OWN:
            raise RuleError(
                f"{rule!r} sets {one.name}, which the plan has decided. Say it in a rule of the recipe:"
                ' pg.rule(…, trainable=False, until="20%").'
            )
        if isinstance(one.value, RowValue):
            raise RuleError(
                f"{rule!r}: {one.key} differs from row to row, and a group has one value. Give a number."
            )
