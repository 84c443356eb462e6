"""A rule: which parameters, and what it sets or scales, perhaps within a window of training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from paramgroups.errors import RuleError, nearest
from paramgroups.optim.hyperparameters import PACKED
from paramgroups.rules.values import RowValue, checked, checked_factor
from paramgroups.schedules import Length, Schedule
from paramgroups.select import Selector, as_selector

SCALE = "_scale"
CLOCKS = ("run", "thaw")
MISSING = ("error", "ignore")
OWN = ("trainable", "optimizer")
"""What a rule sets that no optimizer reads."""


class Assignment(NamedTuple):
    """One hyperparameter that a rule sets, or scales."""

    name: str
    scales: bool
    value: Any

    @property
    def key(self) -> str:
        """The setting as the user wrote it: `lr` or `lr_scale`."""
        return self.name + SCALE * self.scales


@dataclass(frozen=True, slots=True)
class Rule:
    """A selector and what it sets; made by `rule`, where its fields are explained."""

    selector: Selector
    assignments: tuple[Assignment, ...]
    start: Length | None = None
    until: Length | None = None
    clock: Literal["run", "thaw"] = "run"
    group: str | None = None
    schedules: tuple[tuple[str, Schedule], ...] = ()
    missing: Literal["error", "ignore"] = "error"

    @property
    def settings(self) -> dict[str, Any]:
        """What it sets or scales, by the key that the user wrote."""
        return {assignment.key: assignment.value for assignment in self.assignments}

    @property
    def hyperparameters(self) -> list[str]:
        """The hyperparameters that it sets, scales or schedules, and that an optimizer must read."""
        named = [assignment.name for assignment in self.assignments if assignment.name not in OWN]
        return [*named, *dict(self.schedules)]

    @property
    def optimizer(self) -> Any:
        """The optimizer that it names; None if none."""
        return self.settings.get("optimizer")

    def __repr__(self) -> str:
        parts = [repr(self.selector.text)]
        parts += [f"{key}={value!r}" for key, value in self.settings.items()]
        parts += [f"{key}={value!r}" for key, value in self.options.items()]
        return f"rule({', '.join(parts)})"

    @property
    def options(self) -> dict[str, Any]:
        """All that is not a setting and differs from what is taken when unsaid."""
        schedules = dict(self.schedules)
        options = {
            "start": self.start,
            "until": self.until,
            "clock": self.clock if self.clock != "run" else None,
            "group": self.group,
            "schedule": schedules.pop("lr", None),
            "schedules": schedules or None,
            "missing": self.missing if self.missing != "error" else None,
        }
        return {key: value for key, value in options.items() if value is not None}


def rule(  # noqa: PLR0913  # the words of the language
    selector: str | Selector,
    *,
    start: Length | None = None,
    until: Length | None = None,
    clock: Literal["run", "thaw"] = "run",
    group: str | None = None,
    schedule: Schedule | None = None,
    schedules: Mapping[str, Schedule] | None = None,
    missing: Literal["error", "ignore"] = "error",
    **settings: Any,
) -> Rule:
    """Say which parameters get what.

    Rules act in the order in which they are written. `x=` sets the hyperparameter x and drops the
    values and factors that came before; `x_scale=` multiplies what stands. One hyperparameter never
    disturbs another.

    Args:
        selector: Which parameters, or rows of one: text of the selector language, or an object.
        start: The first tick at which the rule acts: ticks (an int), `"3 epochs"` or `"10%"`.
        until: The first tick at which it acts no more.
        clock: Where the schedules of these parameters begin: with the run, or with the parameter's
            thaw; percentages are then of what remains.
        group: Keep these parameters in a group of their own, under this name.
        schedule: The schedule of the rate for these parameters.
        schedules: Schedules of other hyperparameters, by name.
        missing: `"ignore"` if it is meant that the selector may match nothing.
        **settings: What it sets (`weight_decay=0.0`, `trainable=False`, `betas=(0.9, 0.95)`,
            `optimizer="sgd"`) or scales (`lr_scale=10`). A value may be a function of the row
            (`per_parameter`).

    Raises:
        SelectorError: The selector is not in the language.
        RuleError: A value is text, NaN, out of its domain; the rule says nothing.

    Example:
        >>> import paramgroups as pg
        >>> pg.rule(":norm | :bias", weight_decay=0.0)
        rule(':norm | :bias', weight_decay=0.0)
    """
    _one_of("clock", clock, CLOCKS)
    _one_of("missing", missing, MISSING)
    if group is not None and (not isinstance(group, str) or not group.strip()):
        raise RuleError(f'group={group!r}: give a name, such as group="head".')
    made = Rule(
        as_selector(selector),
        assignments(settings),
        start,
        until,
        clock,
        group,
        tuple(checked_schedules(schedule, schedules).items()),
        missing,
    )
    if not (made.assignments or made.schedules or group or clock != "run"):
        raise RuleError(
            f'rule("{made.selector.text}") says nothing: give a setting, such as lr_scale=0.1, '
            "a schedule or a group."
        )
    return made


def assignments(settings: Mapping[str, Any]) -> tuple[Assignment, ...]:
    """Read keyword settings: `x=` sets, `x_scale=` scales, `betas=` is short for its parts.

    Raises:
        RuleError: A value has no meaning for its hyperparameter.
    """
    found: list[Assignment] = []
    for key, value in settings.items():
        found += _unpacked(key, value) if key in PACKED else [_assignment(key, value)]
    return tuple(found)


def _unpacked(key: str, value: Any) -> list[Assignment]:
    if not isinstance(value, (tuple, list)) or not value:
        raise RuleError(
            f"{key}={value!r}: give a tuple, such as {key}=(0.9, 0.999), or one part: {PACKED[key]}1=0.9."
        )
    return [_assignment(f"{PACKED[key]}{number}", part) for number, part in enumerate(value, 1)]


def _assignment(key: str, value: Any) -> Assignment:
    scales = key.endswith(SCALE)
    name = key.removesuffix(SCALE) if scales else key
    if scales and name in PACKED:
        raise RuleError(f"{key}: scale a part, such as {PACKED[name]}1{SCALE}=0.9.")
    if name == "trainable" and not (isinstance(value, (bool, RowValue)) and not scales):
        raise RuleError(
            f"{key}={value!r}: a parameter is trainable or not: trainable=True or trainable=False."
        )
    if isinstance(value, RowValue) or name == "optimizer":
        return Assignment(name, scales, value)
    return Assignment(name, scales, checked_factor(name, value) if scales else checked(name, value))


def checked_schedules(
    schedule: Schedule | None, schedules: Mapping[str, Schedule] | None
) -> dict[str, Schedule]:
    """All schedules by hyperparameter: `schedule` is the rate's.

    Raises:
        RuleError: One is no schedule, or the rate has two.
    """
    found = dict(schedules or {})
    if schedule is not None:
        if "lr" in found:
            raise RuleError('schedule= is the rate\'s, and schedules= names "lr" again: give one of them.')
        found["lr"] = schedule
    for name, value in found.items():
        if not isinstance(value, Schedule):
            hint = "schedules.function(label, fn)" if callable(value) else "schedules.cosine()"
            raise RuleError(f"The schedule of {name} is {value!r}, which is no schedule. Write {hint}.")
    return found


def _one_of(option: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise RuleError(f"{option}={value!r} is not known. {nearest(str(value), known)}")
