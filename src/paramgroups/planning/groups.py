"""Groups: the parameters whose values agree over all of training."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from paramgroups.optim import pack
from paramgroups.optim.hyperparameters import SWITCHES
from paramgroups.planning.course import Course
from paramgroups.planning.naming import Member, names_of
from paramgroups.planning.profile import Profile
from paramgroups.planning.resolution import Resolution

Setting = dict[str, Any]


@dataclass(frozen=True)
class RowSegment:
    """Rows `start` to before `stop` of a tensor, which have values of their own.

    Attributes:
        name: The tensor.
        start: The first row.
        stop: The first row that is no more among them.
        profile: Their values over time.
    """

    name: str
    start: int
    stop: int
    profile: Profile = field(repr=False)


@dataclass(frozen=True)
class Group:
    """What torch calls a parameter group.

    Attributes:
        name: Stable and unique in its plan.
        names: The parameters, in the model's order.
        numel: How many numbers they hold.
        profile: Their values over time.
        segments: Rows of its tensors that have values of their own.
    """

    name: str
    names: tuple[str, ...]
    numel: int
    profile: Profile = field(repr=False)
    segments: tuple[RowSegment, ...] = ()

    @property
    def courses(self) -> Mapping[str, Course]:
        """Every hyperparameter over time."""
        return self.profile.courses

    @property
    def written(self) -> dict[str, Course]:
        """The hyperparameters that stand in torch's group: all but switches that the recipe leaves alone."""
        defaults = self.profile.optimizer.defaults
        return {
            name: course
            for name, course in self.courses.items()
            if name not in SWITCHES or not (course.constant and course.base == defaults[name])
        }

    @property
    def lr(self) -> float:
        """The rate at the start of its schedule's clock, schedule left out."""
        return float(self.courses["lr"].base)

    def settings(self, tick: float | None = None, names: Collection[str] | None = None) -> Setting:
        """What torch reads from the group at a tick.

        Rows with values of their own are plain data under `rows`.

        Args:
            tick: The tick; without one the start of each clock, schedule left out.
            names: The parameters that are there, where not all are, as in a pipeline stage.
        """
        values = {
            name: course.base if tick is None else course.at(tick) for name, course in self.written.items()
        }
        there = [segment for segment in self.segments if names is None or segment.name in names]
        rows = [_row_data(segment, self.profile, tick) for segment in there]
        return pack(values) | ({"rows": rows} if rows else {})


def _row_data(segment: RowSegment, whole: Profile, tick: float | None) -> Setting:
    theirs, others = segment.profile.values(tick), whole.values(tick)
    own = {name: value for name, value in theirs.items() if value != others[name]}
    return {"name": segment.name, "start": segment.start, "stop": segment.stop} | own


def groups_of(resolution: Resolution) -> tuple[Group, ...]:
    """Merge the parameters that are ever trained by equal values, in the model's order."""
    merged: dict[Any, list[list[int]]] = {}
    for profile, positions in _members(resolution):
        merged.setdefault(profile.key, []).append(positions)
    groups = sorted(map(sorted, merged.values()))
    members = [[_member(positions, resolution) for positions in parts] for parts in groups]
    names = names_of(members, resolution.matches)
    return tuple(
        _group(name, sorted(chain(*parts)), resolution) for name, parts in zip(names, groups, strict=True)
    )


def _member(positions: list[int], resolution: Resolution) -> Member:
    rows = [resolution.index.rows[position] for position in positions]
    return Member(resolution.profile_at(positions[0]), rows)


def _members(resolution: Resolution) -> Iterator[tuple[Profile, list[int]]]:
    """Each profile with the parameters that have it and are ever trained, if only in some rows."""
    members: list[list[int]] = [[] for _ in resolution.profiles]
    for position, number in enumerate(resolution.numbers.tolist()):
        members[number].append(position)
    thawed = {
        position
        for position, found in resolution.segments.items()
        if not all(profile.frozen for _, profile in found)
    }
    for profile, positions in zip(resolution.profiles, members, strict=True):
        trained = [at for at in positions if at in thawed] if profile.frozen else positions
        if trained:
            yield profile, trained


def _group(name: str, positions: list[int], resolution: Resolution) -> Group:
    rows = [resolution.index.rows[position] for position in positions]
    segments = tuple(
        RowSegment(resolution.index.rows[position].name, segment.start, segment.stop, own)
        for position in positions
        for segment, own in resolution.parts_at(position)
    )
    profile = resolution.profile_at(positions[0])
    return Group(name, tuple(row.name for row in rows), sum(row.numel for row in rows), profile, segments)
