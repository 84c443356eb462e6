"""Each group's values over training, at the ticks that tell."""

from collections.abc import Iterator
from itertools import chain, pairwise
from math import ceil, nan
from typing import NamedTuple

from paramgroups.errors import PlanError, listing, nearest
from paramgroups.optim import is_number
from paramgroups.planning import Course, Plan
from paramgroups.planning.profile import Profile
from paramgroups.planning.rows import checked_name

NEVER = "never trained"
# Training is cut into so many stretches, of which each shows its first, last, smallest and largest value.
MOST, LEAST = 500, 100
STRETCHES = 100_000  # of all groups together: a thousand groups are drawn in seconds too

Span = tuple[int, int]


class Track(NamedTuple):
    """A group over training.

    Attributes:
        name: The group's name.
        tensors: How many it has.
        ticks: Ticks in rising order; all of them where training is short.
        values: The value at each of these; NaN where it is frozen.
        frozen: The spans of ticks in which it is frozen, from the first to before the last.
    """

    name: str
    tensors: int
    ticks: tuple[int, ...]
    values: tuple[float, ...]
    frozen: tuple[Span, ...]


class Member(NamedTuple):
    """Parameters, or rows of one, with values of their own."""

    name: str
    tensors: int
    profile: Profile


def tracks_of(plan: Plan, hyper: str = "lr") -> list[Track]:
    """Each group over training, and rows with values of their own, in the model's order.

    Raises:
        PlanError: The horizon has no end, nothing is ever trained, or no group has such a number.
    """
    end = end_of(plan)
    members = [found for found in _members(plan) if not found.profile.frozen]
    if not members:
        raise PlanError("There is nothing to draw: nothing is trained at any step.")
    readers = [member for member in members if hyper in member.profile.courses]
    if not readers:
        raise _unread(hyper, members)
    stretches = max(LEAST, min(MOST, STRETCHES // len(readers)))
    return [_track(member, hyper, end, stretches) for member in readers]


def never_trained(plan: Plan) -> list[Track]:
    """What is never trained, if anything, as a track that is frozen from the first tick to the last."""
    return [Track(NEVER, len(plan.frozen), (0,), (nan,), ((0, end_of(plan)),))] if plan.frozen else []


def end_of(plan: Plan) -> int:
    """How many ticks training takes.

    Raises:
        PlanError: It has no known end.
    """
    if plan.horizon.ticks is None:
        raise PlanError("Values over training: it has no known end. Plan with steps= or epochs=.")
    return plan.horizon.ticks


def _members(plan: Plan) -> Iterator[Member]:
    for group in plan.groups:
        yield Member(group.name, len(group.names), group.profile)
        for rows in group.segments:
            yield Member(f"{rows.name}[{rows.start}:{rows.stop}]", 1, rows.profile)


def _track(member: Member, hyper: str, end: int, stretches: int) -> Track:
    course, trainable = member.profile.courses[hyper], member.profile.trainable
    edges = [*_edges(course, end), *(start for start, _ in trainable.pieces)]
    bounds = _bounds(edges, end, stretches)
    ticks = tuple(sorted(set(chain.from_iterable(_telling(course, *span) for span in pairwise(bounds)))))
    values = (_number(course, hyper, tick) if trainable.at(tick) else nan for tick in ticks)
    return Track(member.name, member.tensors, ticks, tuple(values), _frozen(member.profile, end))


def _edges(course: Course, end: int) -> Iterator[float]:
    """Where its parts become others."""
    tick = 0.0
    while (tick := course.span(tick)[1]) < end:
        yield tick


def _bounds(edges: list[float], end: int, stretches: int) -> list[int]:
    """Where stretches begin and end: evenly, and wherever something else acts from then on."""
    evenly = range(0, end, ceil(end / stretches) if end > 2 * stretches else 1)
    return sorted({*evenly, *(ceil(edge) for edge in edges if edge < end), end})


def _telling(course: Course, start: int, stop: int) -> set[int]:
    """The first and the last tick of a stretch, and those of its smallest and largest value."""
    ends = {start, stop - 1}
    timing = course.timing(start)
    return ends if timing is None or stop - start <= len(ends) else ends.union(timing.extremes(start, stop))


def _number(course: Course, hyper: str, tick: int) -> float:
    value = course.at(tick)
    if not is_number(value):
        raise PlanError(f'"{hyper}" is {value!r}, and only numbers can be drawn. Draw another: hyper="lr".')
    return float(value)


def _frozen(profile: Profile, end: int) -> tuple[Span, ...]:
    pieces = profile.trainable.pieces
    starts = [*(ceil(start) for start, _ in pieces), end]
    spans = zip(pairwise(starts), pieces, strict=True)
    return tuple((start, min(stop, end)) for (start, stop), (_, live) in spans if not live and start < end)


def _unread(hyper: str, members: list[Member]) -> PlanError:
    known = dict.fromkeys(name for member in members for name in member.profile.courses)
    readers = listing(dict.fromkeys(member.profile.optimizer.name for member in members))
    return PlanError(f'{readers} reads no number "{checked_name(hyper)}". {nearest(hyper, known)}')
