"""Asking a guard: what it may answer about an update that was, and about the one to come.

A guard is asked at every update, so not all of its state is looked through every time. Whenever it answers:
its state is a dict, and what it was given cannot be written to but for what lies deeper; its gate and its
verdicts have a meaning. Before tick 10, and by `saved` whenever a state is saved: JSON gives it back as it
is, so a resumed run goes on as an unbroken one.
"""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from paramgroups.control.checks import pair
from paramgroups.control.guarding import Action, Gate, Guard, Report, Verdict
from paramgroups.control.states import exact, lent, named, returned
from paramgroups.errors import RuleError, listing, nearest, shown
from paramgroups.optim import is_finite, is_number
from paramgroups.rules import State

ACTIONS = get_args(Action)


def gate_of(guard: Guard, state: State) -> Gate | None:
    """What a guard asks of the next update, checked.

    Raises:
        RuleError: It raised, or what it returned is no gate.

    Example:
        >>> from paramgroups.control import nonfinite
        >>> gate_of(nonfinite(), nonfinite().begin()).shut
        False
    """
    with named(guard, "asked for its gate"):
        gate = guard.gate(lent(state))
        if gate is not None and not isinstance(gate, Gate):
            raise RuleError(f"It returned {shown(gate)}. Return a Gate, or None for no gate.")
        if gate is not None:
            _check_bounds(gate)
        return gate


def judge(guard: Guard, state: State, report: Report) -> tuple[dict[str, Any], tuple[Verdict, ...]]:
    """What a guard makes of an update, checked.

    Args:
        guard: Any guard, also a user's own.
        state: What it returned last, or what it begins with.
        report: What the update was.

    Returns:
        Its next state, and its verdicts.

    Raises:
        RuleError: It raised, or what it returned is no state with verdicts on the groups of the report.

    Example:
        >>> from paramgroups.control import rollback
        >>> guard = rollback()
        >>> state, verdicts = judge(guard, guard.begin(), Report(0, {}))
        >>> verdicts[0].action
        'keep'
    """
    with named(guard, report.step):
        after, verdicts = pair(guard.judge(lent(state), report), "verdicts")
        return returned(after, report.step), _verdicts(verdicts, report)


def saved(guard: Guard, state: State) -> dict[str, Any]:
    """A guard's state as it can be saved: a copy that JSON gives back as it is.

    Raises:
        RuleError: It holds what JSON cannot hold, or gives back as something else.
    """
    with named(guard, "asked for its state"):
        return exact(dict(state))


def _check_bounds(gate: Gate) -> None:
    if not isinstance(gate.bounds, Mapping):
        raise RuleError(f"Its gate has bounds={shown(gate.bounds)}. Give a dict from groups to norms.")
    for bound in (gate.bound, *gate.bounds.values()):
        if not is_number(bound) or not bound >= 0:
            raise RuleError(f"Its gate has a bound of {shown(bound)}. Give a norm, perhaps infinite.")
    if gate.bounds and not gate.alone:
        raise RuleError("Its gate has bounds= of groups, which are read with alone=True. Give both.")


def _verdicts(given: Any, report: Report) -> tuple[Verdict, ...]:
    given = [given] if isinstance(given, Verdict) else given
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        raise RuleError(f"Its verdicts are {shown(given)}. Return a list of them, empty where all is well.")
    verdicts = tuple(given)
    for one in verdicts:
        if not isinstance(one, Verdict):
            raise RuleError(f'{shown(one)} is no verdict. Write Verdict("scale", ("head",), 0.5, "why").')
        _check_verdict(one, report)
    return verdicts


def _check_verdict(one: Verdict, report: Report) -> None:
    if one.action not in ACTIONS:
        raise RuleError(f"{shown(one)}: its action is not known. {nearest(str(one.action), ACTIONS)}")
    if not is_number(one.factor) or not is_finite(one.factor) or one.factor < 0:
        raise RuleError(f"{shown(one)}: its factor is none. Give a finite number of at least 0.")
    if not isinstance(one.reason, str):
        raise RuleError(f"{shown(one)}: its reason is no text. Give one line with the numbers.")
    if not isinstance(one.groups, tuple):
        raise RuleError(f'{shown(one)}: its groups are no tuple of names. Write ("head",).')
    if one.action == "scale" and not one.groups:
        raise RuleError(f"{shown(one)} scales the rate of no group. Name one: {listing(report.groups)}.")
    for name in one.groups:
        if not isinstance(name, str) or name not in report.groups:
            known = f"It has {listing(report.groups) or 'none'}."
            raise RuleError(f"{shown(one)}: {shown(name)} is no group of the report. {known}")
