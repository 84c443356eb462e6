"""Groups: the parameters whose values agree over all of training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paramgroups.indexing import Row
from paramgroups.optim import pack
from paramgroups.planning.course import Course
from paramgroups.planning.profile import Profile, label
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
    def lr(self) -> float:
        """The rate at the start of its schedule's clock, schedule left out."""
        return float(self.courses["lr"].base)

    def settings(self, tick: float | None = None) -> Setting:
        """What torch reads from the group at a tick; without one, schedule left out.

        Rows with values of their own are plain data under `rows`.
        """
        values = {
            name: course.base if tick is None else course.at(tick) for name, course in self.courses.items()
        }
        settings = pack(values)
        if self.segments:
            settings["rows"] = [_row_data(segment, self.profile, tick) for segment in self.segments]
        return settings


def _row_data(segment: RowSegment, whole: Profile, tick: float | None) -> Setting:
    theirs, others = segment.profile.values(tick), whole.values(tick)
    own = {name: value for name, value in theirs.items() if value != others[name]}
    return {"name": segment.name, "start": segment.start, "stop": segment.stop} | own


def groups_of(resolution: Resolution) -> tuple[Group, ...]:
    """Merge the parameters that are ever trained by equal values, in the model's order."""
    members: dict[Any, list[int]] = {}
    for position, number in enumerate(resolution.numbers.tolist()):
        members.setdefault(number, []).append(position)
    merged: dict[Any, list[int]] = {}
    for number in sorted(members, key=lambda number: members[number][0]):
        profile = resolution.profiles[number]
        if not _never_trained(members[number], profile, resolution):
            merged.setdefault(profile.key, []).extend(members[number])
    taken: set[str] = set()
    return tuple(_group(sorted(positions), resolution, taken) for positions in merged.values())


def _never_trained(positions: list[int], profile: Profile, resolution: Resolution) -> bool:
    thawed = (p for position in positions for _, p in resolution.segments.get(position, ()))
    return profile.frozen and all(p.frozen for p in thawed)


def _group(positions: list[int], resolution: Resolution, taken: set[str]) -> Group:
    rows = [resolution.index.rows[position] for position in positions]
    profile = resolution.profile_at(positions[0])
    segments = tuple(
        RowSegment(resolution.index.rows[position].name, segment.start, segment.stop, own)
        for position in positions
        for segment, own in resolution.segments.get(position, ())
    )
    name = _unique(_name(profile, resolution, rows[0]), taken)
    return Group(name, tuple(row.name for row in rows), sum(row.numel for row in rows), profile, segments)


def _name(profile: Profile, resolution: Resolution, row: Row) -> str:
    found = label(profile, resolution.matches, row)
    return profile.group or found


def _unique(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name} #{number}", number + 1
    taken.add(found)
    return found
