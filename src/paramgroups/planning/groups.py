"""Groups: the parameters whose values agree over all of training."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from paramgroups.optim import pack
from paramgroups.optim.hyperparameters import CLIPPING, SWITCHES, key_of
from paramgroups.planning.course import Course, masked
from paramgroups.planning.naming import Member, names_of
from paramgroups.planning.profile import Profile
from paramgroups.planning.resolution import Resolution

Setting = dict[str, Any]
Courses = Mapping[str, Course]


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

    @property
    def title(self) -> str:
        """What events and messages call it: `embed.weight[10:20]`."""
        return f"{self.name}[{self.start}:{self.stop}]"

    @property
    def names(self) -> tuple[str]:
        """What an event names that is about them."""
        return (self.title,)


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
    def title(self) -> str:
        """What events and messages call it."""
        return self.name

    @property
    def courses(self) -> Courses:
        """Every hyperparameter over time."""
        return self.profile.courses

    @property
    def apart(self) -> frozenset[str]:
        """The tensors of which some rows are frozen while others are trained."""
        whole = self.profile.trainable.pieces
        return frozenset(one.name for one in self.segments if one.profile.trainable.pieces != whole)

    @property
    def written(self) -> dict[str, Course]:
        """The hyperparameters that stand in torch's group: all but what the recipe leaves alone.

        Where only rows of a tensor are frozen, its gradient flows, and a rate of 0 says what is not written.
        """
        return _written(self.profile, masks=bool(self.apart))

    def own(self, segment: RowSegment) -> dict[str, Course]:
        """The hyperparameters that stand in the entry of rows: those in which they differ at some time.

        Both betas stand there where one differs.
        """
        whole = self.written
        found = _written(segment.profile, masks=bool(self.apart))
        differ = {key_of(name) for name, course in found.items() if not _same(course, whole.get(name))}
        return {name: course for name, course in found.items() if key_of(name) in differ}

    def rows(self, names: Collection[str] | None = None) -> list[RowSegment]:
        """Its rows of their own; where not all parameters are there, of those that are."""
        return [segment for segment in self.segments if names is None or segment.name in names]

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
        rows = [entry(segment) | _values(self.own(segment), tick) for segment in self.rows(names)]
        return _values(self.written, tick) | ({"rows": rows} if rows else {})


def entry(segment: RowSegment) -> Setting:
    """Which rows they are, as their entry in torch's group says it."""
    return {"name": segment.name, "start": segment.start, "stop": segment.stop}


def _values(courses: Courses, tick: float | None) -> Setting:
    return pack({name: course.base if tick is None else course.at(tick) for name, course in courses.items()})


def _written(profile: Profile, *, masks: bool) -> dict[str, Course]:
    defaults = profile.optimizer.defaults
    found = {
        name: course
        for name, course in profile.courses.items()
        if not (name in CLIPPING and course.unsaid)
        and not (name in SWITCHES and course.constant and course.base == defaults[name])
    }
    return found | {"lr": masked(found["lr"], profile.trainable)} if masks else found


def _same(one: Course, other: Course | None) -> bool:
    return other is not None and (one.key, one.exact) == (other.key, other.exact)


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
