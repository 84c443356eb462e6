"""A profile: the resolved hyperparameters of all parameters whom the same rules give the same values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from paramgroups.errors import PlanError
from paramgroups.indexing import Row
from paramgroups.optim import OptimizerClass, is_number, optimizer_class
from paramgroups.planning.cascade import Chain, Link
from paramgroups.planning.course import Course, timings
from paramgroups.planning.matching import Match, place_of, told_with
from paramgroups.rules import Assignment, Recipe, RowValue, Rule
from paramgroups.schedules import Horizon

Said = dict[str, list[Link]]


@dataclass(frozen=True)
class Profile:
    """What some parameters have in common.

    Attributes:
        optimizer: The optimizer that steps them.
        trainable: Whether they are trained, over time.
        courses: Every hyperparameter that the optimizer reads, over time.
        group: The group that a rule asks for, under its name.
        codes: For each rule, which of its values it gives them; 0 where it does not match.
    """

    optimizer: OptimizerClass
    trainable: Chain
    courses: Mapping[str, Course]
    group: str | None
    codes: tuple[int, ...]

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """What two profiles of equal values have in common: they share a group."""
        courses = tuple((name, course.key) for name, course in self.courses.items())
        return self.optimizer.cls, self.group, self.trainable.pieces, courses

    @property
    def frozen(self) -> bool:
        """Whether they are never trained."""
        return not any(trainable for _, trainable in self.trainable.pieces)

    def values(self, tick: float | None = None) -> dict[str, Any]:
        """All values at a tick; without one those at the start of each clock, schedule left out."""
        found = {
            name: course.base if tick is None else course.at(tick) for name, course in self.courses.items()
        }
        return found | {"trainable": self.trainable.at(tick or 0), "optimizer": self.optimizer.name.lower()}


class Profiler:
    """Makes the profile for a combination of matches; the one place where precedence is decided.

    Args:
        recipe: The recipe.
        horizon: How long training is; windows are read by it.
        matches: What each rule matches.

    Raises:
        PlanError: A window runs backwards, or a rule scales what is no number.
    """

    def __init__(self, recipe: Recipe, horizon: Horizon, matches: Sequence[Match]) -> None:
        self.recipe = recipe
        self.horizon = horizon
        self.matches = matches
        self.windows = [_window(match, recipe, horizon) for match in matches]
        self._made: dict[tuple[bool, tuple[int, ...]], Profile] = {}
        self._untouched: dict[Any, dict[str, Course]] = {}

    def profile(self, codes: tuple[int, ...], *, trainable: bool) -> Profile:
        """The profile of parameters that the rules give these codes.

        Args:
            codes: For each rule 0, or 1 + the place of its values.
            trainable: Whether the model has them trainable.
        """
        key = trainable, codes
        if key not in self._made:
            self._made[key] = self._resolve(codes, trainable=trainable)
        return self._made[key]

    def _resolve(self, codes: tuple[int, ...], *, trainable: bool) -> Profile:
        said = self._said(codes)
        optimizer = optimizer_class(said.get("optimizer", [_base(self.recipe.optimizer, "recipe")])[-1].value)
        frozen = Chain((_base(trainable, "model"), *said.get("trainable", ())))
        clocks = Chain((_base("run", "recipe"), *said.get("clock", ())))
        thaws = _thaws(frozen)
        courses = self._courses_of(optimizer, clocks, thaws) | {
            name: self._course(name, optimizer, said, clocks, thaws)
            for name in optimizer.defaults
            if name in said or f"schedule of {name}" in said
        }
        groups = [m.rule.group for m, code in zip(self.matches, codes, strict=True) if code and m.rule.group]
        return Profile(optimizer, frozen, courses, groups[-1] if groups else None, codes)

    def _courses_of(
        self, optimizer: OptimizerClass, clocks: Chain, thaws: tuple[int, ...]
    ) -> dict[str, Course]:
        """The courses of all hyperparameters as the recipe has them: profiles share what no rule touches."""
        key = optimizer.cls, clocks, thaws
        if key not in self._untouched:
            self._untouched[key] = {
                name: self._course(name, optimizer, {}, clocks, thaws) for name in optimizer.defaults
            }
        return self._untouched[key]

    def _course(
        self, name: str, optimizer: OptimizerClass, said: Said, clocks: Chain, thaws: tuple[int, ...]
    ) -> Course:
        settings, schedules = self.recipe.settings, dict(self.recipe.schedules)
        if name in settings:
            base = _base(settings[name], "recipe")
        else:
            base = _base(optimizer.defaults[name], f"default of {optimizer.name}")
        chain = Chain((base, *said.get(name, ())))
        self._check_scales(name, chain)
        schedule = Chain((_base(schedules.get(name), "recipe"), *said.get(f"schedule of {name}", ())))
        return Course(chain, timings(schedule, clocks, thaws), self.horizon)

    def _check_scales(self, name: str, chain: Chain) -> None:
        standing: Any = None
        for link in chain.links:
            if link.scales and not is_number(standing):
                place = place_of(link.rule, self.recipe)
                raise PlanError(f"{name}_scale={link.value:g}: {name}={standing!r} is no number.\n  {place}.")
            standing = standing if link.scales else link.value

    def _said(self, codes: tuple[int, ...]) -> Said:
        """What the matching rules say, by hyperparameter, in their order."""
        said: Said = {}
        for match, window, code in zip(self.matches, self.windows, codes, strict=True):
            if code:
                for name, link in _links(match, window, code):
                    said.setdefault(name, []).append(link)
        return said


def _base(value: Any, origin: str) -> Link:
    return Link(value, scales=False, origin=origin)


def _links(match: Match, window: tuple[float, float], code: int) -> list[tuple[str, Link]]:
    rule, values = match.rule, match.values[code - 1]
    origin = f'rule {match.number} "{rule.selector.written}"'

    def link(value: Any, assignment: Assignment | None = None) -> Link:
        source = assignment.value if assignment and isinstance(assignment.value, RowValue) else None
        return Link(value, bool(assignment and assignment.scales), origin, *window, source, match.number)

    said = [(one.name, link(value, one)) for one, value in zip(rule.assignments, values, strict=True)]
    said += [(f"schedule of {name}", link(schedule)) for name, schedule in rule.schedules]
    if rule.schedules or rule.clock != "run":
        said.append(("clock", link(rule.clock)))
    return said


def _window(match: Match, recipe: Recipe, horizon: Horizon) -> tuple[float, float]:
    rule = match.rule
    with told_with(match.number, recipe):
        start = 0 if rule.start is None else horizon.length(rule.start, "start")
        until = math.inf if rule.until is None else horizon.length(rule.until, "until")
        if start >= until:
            raise PlanError(
                f"start={rule.start!r}, until={rule.until!r}: the window from tick {start} to before "
                f"tick {until:g} is empty. Let it end after it starts."
            )
        _check_whole_run(rule, windowed=(start, until) != (0, math.inf))
    return start, until


def _check_whole_run(rule: Rule, *, windowed: bool) -> None:
    if windowed and (rule.optimizer or rule.group):
        raise PlanError(
            f"{'optimizer' if rule.optimizer else 'group'}= holds for the whole run, since groups never "
            "change in training: take start= and until= off, or give it a rule of its own."
        )


def _thaws(trainable: Chain) -> tuple[int, ...]:
    pairs = pairwise(trainable.pieces)
    return tuple(int(start) for (_, before), (start, now) in pairs if now and not before)


def label(profile: Profile, matches: Sequence[Match], row: Row) -> str:
    """A name for the parameters of a profile, of the rules that decide their values."""
    acting = {link.rule: link for chain in _chains(profile) for link in _heard(chain)}
    words = [_word(matches[number - 1], acting[number], row) for number in sorted(acting) if number]
    return ", ".join(dict.fromkeys(word for word in words if word)) or "default"


def _chains(profile: Profile) -> list[Chain]:
    return [profile.trainable, *(course.chain for course in profile.courses.values())]


def _heard(chain: Chain) -> set[Link]:
    return {link for start, _ in chain.pieces for link in chain.acting(start)}


def _word(match: Match, link: Link, row: Row) -> str:
    if link.source is not None:
        return link.source.word(row, link.value)
    return "" if match.rule.selector.text == "**" else match.rule.selector.written
