"""A rule: which parameters, and what it sets or scales, perhaps within a window of training."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from paramgroups.errors import RuleError, nearest, shown
from paramgroups.optim import optimizer_class
from paramgroups.optim.hyperparameters import PACKED
from paramgroups.rules.checks import checked, checked_factor, name_text, one_of, stretch, switch
from paramgroups.rules.values import RowValue, bound
from paramgroups.schedules import Length, Schedule
from paramgroups.select import Selector, as_selector

SCALE = "_scale"
MULTIPLIERS = ("mult", "mul", "multiplier", "factor", "ratio")
OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "start": bound,
    "until": bound,
    "clock": one_of("run", "thaw"),
    "group": name_text,
    "missing": one_of("error", "ignore"),
}
"""What reads the options that any rule may have."""

FILE_WORDS = ("select", "use")


def optimizer_name(value: Any) -> Any:
    """An optimizer as a recipe holds it: by name where it is torch's or ours, else its class.

    Raises:
        RuleError: It is none.
    """
    return optimizer_class(value).named


OWN: Mapping[str, Callable[[str, Any], Any]] = MappingProxyType(
    {
        "trainable": switch("a parameter is trainable or not"),
        "optimizer": lambda _, value: optimizer_name(value),
        "moments": one_of("clean", "keep"),
        "dropout": switch("dropout of what is frozen stays on or not"),
        "rewarm": stretch,
        "decay": one_of("coupled", "independent"),
    }
)
"""What reads the settings that no optimizer reads."""

BASES: Mapping[str, Any] = MappingProxyType(
    {"moments": "clean", "dropout": True, "rewarm": None, "decay": "coupled"}
)
"""Those of them that a recipe may give to all parameters, each as it is where nobody says it."""


class Assignment(NamedTuple):
    """One hyperparameter that a rule sets, or scales."""

    name: str
    scales: bool
    value: Any

    @property
    def key(self) -> str:
        """The setting as the user wrote it: `lr` or `lr_scale`."""
        return self.name + SCALE * self.scales


@dataclass(frozen=True)
class Rule:
    """A selector and what it sets; made by `rule`, where its fields are explained."""

    selector: Selector
    assignments: tuple[Assignment, ...]
    start: Length | RowValue | None = None
    until: Length | RowValue | None = None
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
        parts = [repr(self.selector if self.selector.opaque else self.selector.text)]
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
    start: Length | RowValue | None = None,
    until: Length | RowValue | None = None,
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
        start: The first tick at which the rule acts: ticks (an int), `"3 epochs"` or `"10%"`. It may be a
            function of the row (`per_parameter`) that gives one of these, or None for no bound.
        until: The first tick at which it acts no more, likewise. Where a function of the row lets a window
            end as it starts, the rule does not act on that row.
        clock: Where the schedules of these parameters begin: with the run, or with the parameter's
            thaw; percentages are then of what remains.
        group: Keep these parameters in a group of their own, under this name.
        schedule: The schedule of the rate for these parameters.
        schedules: Schedules of other hyperparameters, by name.
        missing: `"ignore"` if it is meant that the selector may match nothing.
        **settings: What it sets (`weight_decay=0.0`, `trainable=False`, `betas=(0.9, 0.95)`,
            `optimizer="sgd"`) or scales (`lr_scale=10`). A value may be a function of the row
            (`per_parameter`). What no optimizer reads says how parameters are frozen, and decay:

            - `moments="keep"`: what is frozen in mid-run is not forgotten by its optimizer, as it is with
              `"clean"`.
            - `dropout=False`: no dropout within what is frozen.
            - `rewarm="2%"`: after a thaw in mid-run the rate rises over so many ticks to where its schedule
              has it: times (t - thaw + 1) / n.
            - `decay="independent"`: a step takes schedule factor x weight_decay of a weight, whatever its
              base rate (arXiv 1711.05101), and not lr x weight_decay, as with `"coupled"`, torch's.

    Raises:
        SelectorError: The selector is not in the language.
        ScheduleError: `start` or `until` is no length.
        RuleError: A value is text, NaN, out of its domain, or given twice; the rule says nothing.

    Example:
        >>> import paramgroups as pg
        >>> pg.rule(":norm | :bias", weight_decay=0.0)
        rule(':norm | :bias', weight_decay=0.0)
    """
    options: dict[str, Any] = {
        "start": start,
        "until": until,
        "clock": clock,
        "group": group,
        "missing": missing,
    }
    made = Rule(
        selector=as_selector(selector),
        assignments=assignments(settings),
        schedules=tuple(checked_schedules(schedule, schedules).items()),
        **{key: OPTIONS[key](key, value) for key, value in options.items() if value is not None},
    )
    if not (made.assignments or made.schedules or made.group or made.clock != "run"):
        raise RuleError(
            f'rule("{made.selector.text}") says nothing: give a setting, such as lr_scale=0.1, '
            "a schedule or a group."
        )
    return made


def nearest_setting(name: str, known: Iterable[str]) -> str:
    """The nearest of the known hyperparameters; for other libraries' words of scaling, ours.

    >>> nearest_setting("lr_mult", ["lr", "momentum"])
    'Nearest: "lr_scale".'
    """
    base, _, last = name.rpartition("_")
    known = set(known)
    return f'Nearest: "{base}{SCALE}".' if last in MULTIPLIERS and base in known else nearest(name, known)


def assignments(settings: Mapping[str, Any]) -> tuple[Assignment, ...]:
    """Read keyword settings: `x=` sets, `x_scale=` scales, `betas=` is short for its parts.

    Raises:
        RuleError: A value has no meaning for its hyperparameter.
    """
    found: list[Assignment] = []
    for key, value in settings.items():
        found += _unpacked(key, value) if key in PACKED else [_assignment(key, value)]
    for key, count in Counter(one.key for one in found).items():
        if count > 1:
            raise RuleError(f"{key}= is given twice, alone and within a tuple: give it once.")
    return tuple(found)


def _unpacked(key: str, value: Any) -> list[Assignment]:
    if not isinstance(value, (tuple, list)) or len(value) < 2:  # noqa: PLR2004  # one part has its own name
        raise RuleError(
            f"{key}={shown(value)}: give a tuple, such as {key}=(0.9, 0.999), "
            f"or one part: {PACKED[key]}1=0.9."
        )
    return [_assignment(f"{PACKED[key]}{number}", part) for number, part in enumerate(value, 1)]


def _assignment(key: str, value: Any) -> Assignment:
    scales = key.endswith(SCALE)
    name = key.removesuffix(SCALE)
    _check_name(key, name, scales=scales)
    if isinstance(value, RowValue) and name != "optimizer":
        return Assignment(name, scales, value)
    if name in OWN:
        return Assignment(name, scales, OWN[name](key, value))
    return Assignment(name, scales, checked_factor(name, value) if scales else checked(name, value))


def _check_name(key: str, name: str, *, scales: bool) -> None:
    if not name:
        raise RuleError(f'"{key}" names no hyperparameter. Write one, such as lr=1e-4 or lr_scale=0.1.')
    if name in FILE_WORDS:
        raise RuleError(
            f'{key}= is a word of recipe files, and no hyperparameter. Write rule("head", lr=1e-4).'
        )
    if scales and name in PACKED:
        raise RuleError(f"{key}: scale a part, such as {PACKED[name]}1{SCALE}=0.9.")
    if scales and name in OWN:
        raise RuleError(f"{key}: {name} is no number, so nothing can scale it. Write {name}=.")


def checked_schedules(
    schedule: Schedule | None, schedules: Mapping[str, Schedule] | None
) -> dict[str, Schedule]:
    """All schedules by hyperparameter: `schedule` is the rate's.

    Raises:
        RuleError: One is no schedule, or the rate has two.
    """
    if not isinstance(schedules, Mapping | None):
        raise RuleError(
            f'schedules={shown(schedules)}: name the hyperparameters: schedules={{"weight_decay": linear()}}.'
        )
    found = dict(schedules or {})
    if schedule is not None:
        if "lr" in found:
            raise RuleError('schedule= is the rate\'s, and schedules= names "lr" again: give one of them.')
        found["lr"] = schedule
    for name, value in found.items():
        _check_schedule(name, value)
    return found


def _check_schedule(name: Any, value: Any) -> None:
    if not isinstance(name, str) or not name:
        raise RuleError(f"schedules={{{shown(name)}: …}}: name a hyperparameter, such as weight_decay.")
    if name in PACKED:
        raise RuleError(f"schedules= names {name}: name a part, such as {PACKED[name]}1.")
    if isinstance(value, Schedule):
        return
    hint = "schedules.function(label, fn)" if callable(value) else "schedules.cosine()"
    if isinstance(value, type) and issubclass(value, Schedule):
        hint = f"schedules.{value.__name__}(…)"
    raise RuleError(f"The schedule of {name} is {shown(value)}, which is no schedule. Write {hint}.")
