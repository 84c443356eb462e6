"""A profile: the resolved hyperparameters of all parameters whom the same rules give the same values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from paramgroups.errors import PlanError, nearest
from paramgroups.optim import OptimizerClass, is_number, optimizer_class, pack
from paramgroups.planning.cascade import Cascade, Link
from paramgroups.planning.course import DEFAULT, Course, rewarmed, timings
from paramgroups.planning.decaying import independent
from paramgroups.planning.matching import Match, place_of, told_with
from paramgroups.planning.timing import Ramp, Timing
from paramgroups.planning.voices import CLOCK, CLOCKS, SCHEDULE, links_of
from paramgroups.rules import Recipe
from paramgroups.rules.rule import BASES
from paramgroups.schedules import Horizon, Schedule

Said = dict[str, list[Link]]
KEPT_APART = ("moments", "dropout", "decay")
"""What no optimizer reads, and yet parameters of one group have in common; rewarm is in the rate's course."""


@dataclass(frozen=True)
class Profile:
    """What some parameters have in common.

    Attributes:
        optimizer: The optimizer that steps them.
        named: Who names it.
        trainable: Whether they are trained, over time.
        own: What else no optimizer reads, over time: `moments`, `dropout`, `rewarm`, `decay`.
        courses: Every hyperparameter that the optimizer reads, over time.
        group: The group that a rule asks for, under its name.
        codes: For each rule, which of its values it gives them; 0 where it does not match.
        watched: The selectors by which controllers may change them.
    """

    optimizer: OptimizerClass
    named: Cascade
    trainable: Cascade
    own: Mapping[str, Cascade]
    courses: Mapping[str, Course]
    group: str | None
    codes: tuple[int, ...]
    watched: tuple[str, ...] = ()

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """What two profiles of equal values have in common: they share a group."""
        courses = tuple((name, course.key) for name, course in self.courses.items())
        own = tuple((name, self.own[name].pieces) for name in KEPT_APART if name in self.said)
        return self.optimizer.named, self.group, self.watched, self.trainable.pieces, courses, own

    @property
    def independent(self) -> bool:
        """Whether they have weight decay that does not follow the rate."""
        return "weight_decay" in self.courses and self.own["decay"].at(0) == "independent"

    @property
    def said(self) -> dict[str, Cascade]:
        """What no optimizer reads, where it is ever other than where nobody says it."""
        return {name: one for name, one in self.own.items() if one.pieces != ((0.0, BASES[name]),)}

    @property
    def moments(self) -> Cascade:
        """What the optimizer remembers of them when they are frozen in mid-run: `"clean"` or `"keep"`."""
        return self.own["moments"]

    @property
    def dropout(self) -> Cascade:
        """Whether dropout stays on while they are frozen."""
        return self.own["dropout"]

    @property
    def frozen(self) -> bool:
        """Whether they are never trained."""
        return not any(trainable for _, trainable in self.trainable.pieces)

    def value(self, name: str, tick: float) -> Any:
        """One value at a tick; of a packed name such as `betas` a tuple.

        Raises:
            PlanError: There is no such hyperparameter.
        """
        if name in self.courses:
            return self.courses[name].at(tick)
        if name == "trainable":
            return self.trainable.at(tick)
        if name in self.own:
            return self.own[name].at(tick)
        packed = pack({part: course.at(tick) for part, course in self.courses.items()})
        if name not in packed:
            raise PlanError(
                f'{self.optimizer.name} reads no "{name}". {nearest(name, [*self.courses, *packed])}'
            )
        return packed[name]

    def values(self, tick: float | None = None) -> dict[str, Any]:
        """All values at a tick; without one those at the start of each clock, schedule left out."""
        found = {
            name: course.base if tick is None else course.at(tick) for name, course in self.courses.items()
        }
        tick = self.courses["lr"].start if tick is None else tick
        found |= {"trainable": self.trainable.at(tick), "optimizer": self.optimizer.name.lower()}
        return found | {name: one.at(tick) for name, one in self.said.items()}


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
        self._own = own_of(recipe)
        self._made: dict[tuple[bool, tuple[str, ...], tuple[int, ...]], Profile] = {}
        self._untouched: dict[Any, dict[str, Course]] = {}
        self._linked: dict[tuple[int, int], list[tuple[str, Link]]] = {}
        self._timings: dict[tuple[Schedule | None, int, Ramp | None], Timing] = {}

    def profile(self, codes: tuple[int, ...], *, trainable: bool, watched: tuple[str, ...] = ()) -> Profile:
        """The profile of parameters that the rules give these codes.

        Args:
            codes: For each rule 0, or 1 + the place of its values.
            trainable: Whether the model has them trainable.
            watched: The selectors by which controllers may change them.
        """
        key = trainable, watched, codes
        if key not in self._made:
            self._made[key] = replace(self._resolve(codes, trainable=trainable), watched=watched)
        return self._made[key]

    def _resolve(self, codes: tuple[int, ...], *, trainable: bool) -> Profile:
        said = self._said(codes)
        named = Cascade((_base(self.recipe.optimizer, "recipe"), *said.get("optimizer", ())))
        optimizer = optimizer_class(named.links[-1].value)
        frozen = Cascade((_base(trainable, "model"), *said.get("trainable", ())))
        own = {
            name: Cascade((*one.links, *said[name])) if name in said else one
            for name, one in self._own.items()
        }
        thaws = _thaws(frozen)
        courses = self._untouched_courses(optimizer, said.get(CLOCKS, []), thaws)
        touched = {name.removeprefix(SCHEDULE).removeprefix(CLOCK) for name in said}
        courses = courses | {
            name: self._touched(name, courses[name], said, thaws) for name in courses if name in touched
        }
        courses = courses | {"lr": self._rewarmed(courses["lr"], thaws, own["rewarm"])}
        if own["decay"].at(0) == "independent":
            courses = independent(courses)
        groups = [
            m.rule.group for m, c in zip(self.matches, codes, strict=True) if m.acts(c) and m.rule.group
        ]
        return Profile(optimizer, named, frozen, own, courses, groups[-1] if groups else None, codes)

    def _untouched_courses(
        self, optimizer: OptimizerClass, clocks: list[Link], thaws: tuple[int, ...]
    ) -> dict[str, Course]:
        """The courses of all hyperparameters as the recipe has them: profiles share what no rule touches."""
        thaws = thaws if clocks else ()  # what all clocks begin with alike
        key = optimizer.named, tuple(clocks), thaws
        if key not in self._untouched:
            settings, schedules = self.recipe.settings, dict(self.recipe.schedules)
            self._untouched[key] = {}
            for name, default in optimizer.defaults.items():
                link = _base(settings.get(name, default), "recipe")
                if name not in settings:
                    link = link._replace(origin=f"{DEFAULT}{optimizer.name}")
                schedule = Cascade((_base(schedules.get(name), "recipe"),))
                self._untouched[key][name] = self._course(Cascade((link,)), schedule, clocks, thaws)
        return self._untouched[key]

    def _touched(self, name: str, course: Course, said: Said, thaws: tuple[int, ...]) -> Course:
        """The course of a hyperparameter of which rules say something."""
        chain = Cascade((*course.chain.links, *said.get(name, ())))
        self._check_scales(name, chain)
        if SCHEDULE + name not in said:
            return Course(chain, course.schedules, course.timings, self.horizon)
        schedules = Cascade((*course.schedules.links, *said[SCHEDULE + name]))
        clocks = sorted([*said.get(CLOCKS, ()), *said[CLOCK + name]], key=lambda link: link.rule)
        return self._course(chain, schedules, clocks, thaws)

    def _course(
        self, chain: Cascade, schedules: Cascade, clocks: list[Link], thaws: tuple[int, ...]
    ) -> Course:
        clock = Cascade((_base("run", "recipe"), *clocks))
        return Course(chain, schedules, timings(schedules, clock, thaws, self._timing), self.horizon)

    def _rewarmed(self, course: Course, thaws: tuple[int, ...], rewarm: Cascade) -> Course:
        """The course of a rate that rises after each thaw in mid-run."""
        ramps = [Ramp(thaw, self._ticks(rewarm.acting(thaw)[-1])) for thaw in thaws if thaw]
        if not any(ramp.ticks for ramp in ramps):
            return course
        return replace(course, timings=rewarmed(course.timings, ramps, self._timing))

    def _ticks(self, rewarm: Link) -> int:
        if rewarm.value is None:
            return 0
        with told_with(rewarm.rule, self.recipe):
            return self.horizon.length(rewarm.value, "rewarm")

    def _timing(self, schedule: Schedule | None, began: int, ramp: Ramp | None = None) -> Timing:
        """All courses share one, since it remembers what was asked of it."""
        key = schedule, began, ramp
        if key not in self._timings:
            self._timings[key] = Timing(schedule, began, self.horizon, ramp)
        return self._timings[key]

    def _check_scales(self, name: str, chain: Cascade) -> None:
        standing: Any = None
        for link in chain.links:
            if link.scales and not is_number(standing):
                place = place_of(link.rule, self.recipe)
                raise PlanError(f"{name}_scale={link.value:g}: {name}={standing!r} is no number.\n  {place}.")
            standing = standing if link.scales else link.value

    def _said(self, codes: tuple[int, ...]) -> Said:
        """What the matching rules say, by hyperparameter, in their order."""
        said: Said = {}
        end = self.horizon.ticks or math.inf
        for match, code in zip(self.matches, codes, strict=True):
            if match.acts(code) and match.windows[code - 1][0] < end:
                for name, link in self._links(match, code):
                    said.setdefault(name, []).append(link)
        return said

    def _links(self, match: Match, code: int) -> list[tuple[str, Link]]:
        key = match.number, code
        if key not in self._linked:
            self._linked[key] = links_of(match, code)
        return self._linked[key]


def own_of(recipe: Recipe) -> dict[str, Cascade]:
    """What no optimizer reads, as the recipe has it for all parameters."""
    return {
        name: Cascade((_base(value, "default" if value == BASES[name] else "recipe"),))
        for name, value in recipe.own.items()
    }


def _base(value: Any, origin: str) -> Link:
    return Link(value, scales=False, origin=origin)


def _thaws(trainable: Cascade) -> tuple[int, ...]:
    pairs = pairwise([(0.0, False), *trainable.pieces])
    return tuple(int(start) for (_, before), (start, now) in pairs if now and not before)
