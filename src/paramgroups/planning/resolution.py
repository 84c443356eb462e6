"""A recipe resolved against an index: the profile of every parameter, and of rows that differ."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from paramgroups.errors import PlanError
from paramgroups.indexing import Index
from paramgroups.planning.matching import Match, Pins, Segment, match_rules, profiles_of, segments_of
from paramgroups.planning.profile import Profile, Profiler
from paramgroups.planning.watched import Watched, kinds_of, watched_at, watches_of
from paramgroups.rules import Recipe
from paramgroups.schedules import Horizon

Segments = dict[int, tuple[tuple[Segment, Profile], ...]]


@dataclass(frozen=True)
class Resolution:
    """Who has which profile.

    Attributes:
        index: The parameters.
        matches: What each rule matches.
        profiler: Makes profiles of combinations of matches.
        numbers: For each parameter the place of its profile in `profiles`.
        profiles: The distinct profiles, in the order of the model.
        segments: The rows that rules treat unlike the rest of their tensor, by position.
        watches: The parameters that controllers may change.
    """

    index: Index
    matches: tuple[Match, ...]
    profiler: Profiler
    numbers: np.ndarray[Any, np.dtype[np.int64]]
    profiles: tuple[Profile, ...]
    segments: Segments
    watches: tuple[Watched, ...] = ()

    def profile_at(self, position: int, row: int | None = None) -> Profile:
        """The profile of the parameter at a position of the index, or of one row of it."""
        if row is not None:
            for segment, own in self.segments.get(position, ()):
                if segment.start <= row < segment.stop:
                    return own
        return self.profiles[int(self.numbers[position])]

    def parts_at(self, position: int) -> tuple[tuple[Segment, Profile], ...]:
        """The rows of the parameter at a position whose values differ from those of the rest of it."""
        if position not in self.segments:
            return ()
        whole = self.profile_at(position).key
        return tuple(part for part in self.segments[position] if part[1].key != whole)

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
        PlanError: There are no parameters, a window is empty, a value has no meaning.
        ScheduleError: A length asks what the horizon does not know.
    """
    if not len(index):
        raise PlanError("The model has no parameters, so there is nothing to plan. Is it the right module?")
    matches = match_rules(recipe, index, horizon, pins)
    profiler = Profiler(recipe, horizon, matches)
    watches = watches_of(recipe, index, pins)
    trainable = np.array([row.trainable for row in index], dtype=np.int64)
    numbers, first = profiles_of(kinds_of(trainable, watches), matches)
    profiles = tuple(
        profiler.profile(
            tuple(int(match.codes[position]) for match in matches),
            trainable=bool(trainable[position]),
            watched=watched_at(int(position), watches),
        )
        for position in first
    )
    resolution = Resolution(index, tuple(matches), profiler, numbers, profiles, {}, watches)
    return replace(resolution, segments=_segments(resolution))


def _segments(resolution: Resolution) -> Segments:
    """The rows that rules treat unlike the rest of their tensor."""
    found: Segments = {}
    for segment in segments_of(resolution.matches, resolution.index):
        codes = tuple(match.code_of(segment) for match in resolution.matches)
        trainable = resolution.index.rows[segment.position].trainable
        watched = watched_at(segment.position, resolution.watches)
        profile = resolution.profiler.profile(codes, trainable=trainable, watched=watched)
        found[segment.position] = (*found.get(segment.position, ()), (segment, profile))
    return found
