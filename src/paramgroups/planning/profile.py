"""A profile: the resolved hyperparameters of all parameters whom the same rules give the same values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from paramgroups.errors import PlanError
from paramgroups.indexing import Row
from paramgroups.optim import OptimizerClass, is_number, optimizer_class
from paramgroups.planning.cascade import Chain, Link
from paramgroups.planning.course import Course, timings
from paramgroups.planning.matching import Match, place_of, told_with
from paramgroups.rules import Assignment, Recipe, RowValue, Rule
from paramgroups.schedules import Horizon

WHOLE_RUN = ("optimizer",)


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
        """All values at a tick; without one those at the start of each schedule's clock, schedule left out."""
        found = {name: course.base if tick is None else course.at(tick) for name, course in self.courses.items()}
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
        links = self._links(codes)
        optimizer = optimizer_class(links.get("optimizer", [Link(self.recipe.optimizer, False, "recipe")])[-1].value)
        frozen = Chain((Link(trainable, False, "model"), *links.get("trainable", ())))
        clocks = Chain((Link("run", False, "recipe"), *links.get("clock", ())))
        thaws = _thaws(frozen)
        courses = {
            name: Course(
                self._chain(name, default, optimizer, links),
                timings(self._schedules(name, links), clocks, thaws),
                self.horizon,
            )
            for name, default in optimizer.defaults.items()
        }
        groups = [m.rule.group for m, code in zip(self.matches, codes, strict=True) if code and m.rule.group]
        return Profile(optimizer, frozen, courses, groups[-1] if groups else None, codes)

    def _chain(self, name: str, default: Any, optimizer: OptimizerClass, links: dict[str, list[Link]]) -> Chain:
        settings = self.recipe.settings
        if name in settings:
            base = Link(settings[name], False, "recipe")
        else:
            base = Link(default, False, f"default of {optimizer.name}")
        chain = Chain((base, *links.get(name, ())))
        self._check_scales(name, chain)
        return chain

    def _check_scales(self, name: str, chain: Chain) -> None:
        standing: Any = None
        for link in chain.links:
            if link.scales and not is_number(standing):
                place = place_of(link.rule, self.recipe)
                raise PlanError(f"{name}_scale={link.value:g}: {name}={standing!r} is no number.\n  {place}.")
            standing = standing if link.scales else link.value

    def _schedules(self, name: str, links: dict[str, list[Link]]) -> Chain:
        base = Link(dict(self.recipe.schedules).get(name), False, "recipe")
        return Chain((base, *links.get(f"schedule of {name}", ())))

    def _links(self, codes: tuple[int, ...]) -> dict[str, list[Link]]:
        """What the matching rules say, by hyperparameter, in their order."""
        links: dict[str, list[Link]] = {}
        for match, window, code in zip(self.matches, self.windows, codes, strict=True):
            if code:
                for name, link in _said(match, window, code):
                    links.setdefault(name, []).append(link)
        return links


def _said(match: Match, window: tuple[float, float], code: int) -> list[tuple[str, Link]]:
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
    names = [assignment.name for assignment in rule.assignments if assignment.name in WHOLE_RUN]
    if windowed and (names or rule.group):
        raise PlanError(
            f"{names[0] if names else 'group'}= holds for the whole run, since groups never change in training: "
            "take start= and until= off, or give it a rule of its own."
        )


def _thaws(trainable: Chain) -> tuple[int, ...]:
    pieces = trainable.pieces
    return tuple(int(start) for (_, before), (start, now) in zip(pieces, pieces[1:], strict=False) if now and not before)


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
        return link.source.where(row)
    return "" if match.rule.selector.text == "**" else match.rule.selector.written
