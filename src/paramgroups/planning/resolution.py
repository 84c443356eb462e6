"""A recipe resolved against an index: every parameter's profile, checked at every tick."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from paramgroups.errors import PlanError, ScheduleError, listing, nearest
from paramgroups.indexing import Index
from paramgroups.optim import domain_of, is_number, optimizer_class
from paramgroups.planning.matching import (
    Match,
    Pins,
    Segment,
    match_rules,
    place_of,
    profiles_of,
    segments_of,
)
from paramgroups.planning.profile import Profile, Profiler
from paramgroups.rules import Recipe
from paramgroups.schedules import Horizon


@dataclass(frozen=True)
class Resolution:
    """Who has which profile.

    Attributes:
        index: The parameters.
        matches: What each rule matches.
        profiler: Makes profiles of combinations of matches.
        numbers: For each parameter the place of its profile in `profiles`.
        profiles: The distinct profiles, in no order.
        segments: The rows that have another profile than the rest of their tensor, by position.
    """

    index: Index
    matches: tuple[Match, ...]
    profiler: Profiler
    numbers: np.ndarray[Any, np.dtype[np.int64]]
    profiles: tuple[Profile, ...]
    segments: dict[int, tuple[tuple[Segment, Profile], ...]]

    def profile_at(self, position: int) -> Profile:
        """The profile of the parameter at a position of the index."""
        return self.profiles[int(self.numbers[position])]

    @cached_property
    def all_profiles(self) -> tuple[Profile, ...]:
        """The profiles of whole tensors, then those of rows."""
        return (*self.profiles, *(profile for found in self.segments.values() for _, profile in found))

    def example_of(self, profile: Profile) -> str:
        """The name of a parameter that has this profile."""
        for position, found in self.segments.items():
            if any(profile is other for _, other in found):
                return self.index.rows[position].name
        number = next(number for number, other in enumerate(self.profiles) if other is profile)
        return self.index.rows[int(np.argmax(self.numbers == number))].name


def resolve(recipe: Recipe, index: Index, horizon: Horizon, pins: Pins) -> Resolution:
    """Resolve a recipe; each combination of matching rules once, however many parameters share it.

    Raises:
        NoMatchError: A rule matches nothing.
        PlanError: A hyperparameter is read by nobody, or leaves its domain at some tick.
        ScheduleError: A schedule does not fit the horizon.
    """
    matches = match_rules(recipe, index, pins)
    _check_names(recipe)
    profiler = Profiler(recipe, horizon, matches)
    trainable = np.array([row.trainable for row in index], dtype=np.int64)
    numbers, first = profiles_of(trainable, matches)
    profiles = tuple(
        profiler.profile(
            tuple(int(match.codes[position]) for match in matches), trainable=bool(trainable[position])
        )
        for position in first
    )
    segments = _segments(matches, index, profiler)
    resolution = Resolution(index, tuple(matches), profiler, numbers, profiles, segments)
    _check_read(resolution, recipe)
    _check_domains(resolution)
    return resolution


def _segments(
    matches: list[Match], index: Index, profiler: Profiler
) -> dict[int, tuple[tuple[Segment, Profile], ...]]:
    found: dict[int, tuple[tuple[Segment, Profile], ...]] = {}
    for segment in segments_of(matches, index):
        codes = tuple(match.code_of(segment) for match in matches)
        _check_whole(segment, codes, matches, index, profiler.recipe)
        profile = profiler.profile(codes, trainable=index.rows[segment.position].trainable)
        found[segment.position] = (*found.get(segment.position, ()), (segment, profile))
    return found


def _check_whole(
    segment: Segment, codes: tuple[int, ...], matches: list[Match], index: Index, recipe: Recipe
) -> None:
    """A group and an optimizer hold whole tensors."""
    for match, code in zip(matches, codes, strict=True):
        partly = code and not match.codes[segment.position]
        asked = ["optimizer"] * bool(match.rule.optimizer) + ["group"] * bool(match.rule.group)
        if partly and asked:
            raise PlanError(
                f'{asked[0]}= is for whole tensors, and "{match.rule.selector.written}" selects rows of '
                f'"{index.rows[segment.position].name}": take the rows off, or leave {asked[0]}= out.\n'
                f"  {place_of(match.number, recipe)}."
            )


def _check_names(recipe: Recipe) -> None:
    """Each name is read by an optimizer that the recipe names somewhere."""
    named = {recipe.optimizer, *(rule.optimizer for rule in recipe.rules if rule.optimizer)}
    optimizers = [optimizer_class(name) for name in sorted(named, key=str)]
    known = {name for optimizer in optimizers for name in optimizer.defaults}
    who = " nor ".join(optimizer.name for optimizer in optimizers)
    for place, name in _names(recipe):
        if name not in known:
            raise PlanError(
                f'"{name}" is read by no optimizer here, not by {who}. {nearest(name, known)}\n  {place}.'
            )


def _names(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Every hyperparameter that a recipe names, and where."""
    whole = "Recipe" + (f' "{recipe.name}"' if recipe.name else "")
    yield from ((whole, name) for name in recipe.settings)
    yield from ((whole, name) for name, _ in recipe.schedules)
    for number, rule in enumerate(recipe.rules, 1):
        yield from ((place_of(number, recipe), name) for name in rule.hyperparameters)


def _check_read(resolution: Resolution, recipe: Recipe) -> None:
    """Each name that a rule gives is read by the optimizer of some parameter that it matches."""
    for place, match in enumerate(resolution.matches):
        reading = [profile.optimizer for profile in resolution.all_profiles if profile.codes[place]]
        known = {name for optimizer in reading for name in optimizer.defaults}
        unread = [name for name in match.rule.hyperparameters if reading and name not in known]
        if unread:
            who = listing(sorted({optimizer.name for optimizer in reading}))
            raise PlanError(
                f'"{unread[0]}" is not read by {who}, which steps what "{match.rule.selector.written}" '
                f"matches. {nearest(unread[0], known)}\n  {place_of(match.number, recipe)}."
            )


def _check_domains(resolution: Resolution) -> None:
    """No course leaves its domain at any tick."""
    seen: set[Any] = set()
    for profile in resolution.all_profiles:
        for name, course in profile.courses.items():
            if (name, course.key) not in seen:
                seen.add((name, course.key))
                _check_course(name, profile, resolution)


def _check_course(name: str, profile: Profile, resolution: Resolution) -> None:
    course, default = profile.courses[name], profile.optimizer.defaults[name]
    try:
        found = course.extremes()
    except ScheduleError as error:
        raise ScheduleError(f"The schedule of {name}: {error}") from error
    except TypeError as error:
        raise PlanError(
            f"{name}={course.base!r} is no number, so no schedule can scale it: {error}."
        ) from error
    for tick, value in found:
        if wrong := _wrong(name, value, default):
            unit = resolution.profiler.horizon.unit
            raise PlanError(f'At {unit} {tick:,.0f} for "{resolution.example_of(profile)}": {wrong}')


def _wrong(name: str, value: Any, default: Any) -> str:
    """What is wrong with a value, judged by the kind of the default; nothing if all is well."""
    if is_number(default) and not is_number(value):
        return f"{name}={value!r} is no number. The optimizer wants one, such as {default!r}."
    if isinstance(default, bool) and not isinstance(value, bool):
        return f"{name}={value!r} is no switch. Write {name}=True or {name}=False."
    if is_number(value) and is_number(default) and value not in domain_of(name):
        fix = "Change its schedule, or the factors of its rules."
        return f"{name}={value!r} is out of its domain: it must be {domain_of(name)}. {fix}"
    return ""
