"""Events heard: what decisions made while training make of the groups, from their step on."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar

from paramgroups.errors import (
    CheckpointError,
    ParamGroupsError,
    PlanError,
    ScheduleError,
    listing,
    nearest,
    shown,
)
from paramgroups.journal import NOTES, Event
from paramgroups.optim import domain_of, is_number, optimizer_class
from paramgroups.optim.hyperparameters import CLIPPING, OPTIONAL
from paramgroups.planning.cascade import Cascade, Link
from paramgroups.planning.course import Course, timings
from paramgroups.planning.cutting import Rows, cut_out, is_within, rows_of
from paramgroups.planning.decaying import DECAY, check_decoupled, independent
from paramgroups.planning.groups import Group, RowSegment
from paramgroups.planning.profile import Profile, own_of
from paramgroups.planning.timing import Timing
from paramgroups.rules import Recipe
from paramgroups.rules.rule import OWN
from paramgroups.schedules import Horizon

Groups = tuple[Group, ...]
Target = Group | RowSegment
T = TypeVar("T", Group, RowSegment)
TURNED = ("maximize", "nesterov", *CLIPPING)
"""What may be changed in mid-run though it is no number by default."""


def replayed(groups: Iterable[Group], events: Iterable[Event], recipe: Recipe) -> Groups:
    """Groups with all events of a saved run heard.

    Raises:
        CheckpointError: An event does not fit the groups.
    """
    try:
        return heard(groups, events, recipe)
    except CheckpointError:
        raise
    except ParamGroupsError as error:
        raise CheckpointError(f"An event of the saved run does not fit the plan. {error}") from error


def heard(groups: Iterable[Group], events: Iterable[Event], recipe: Recipe) -> Groups:
    """Groups with more events heard, one after another.

    Args:
        groups: The groups, with what was heard before; they are left as they are.
        events: The events.
        recipe: Whose schedules a group follows that joins.

    Raises:
        PlanError: An event names what its groups' optimizer does not read, gives it a value of another
            kind, or drives it out of its domain at some tick.
        ScheduleError: A schedule does not fit the horizon that it tells of.
        CheckpointError: It names parameters that no group has, or a part of a group.
    """
    found = list(groups)
    places = {name: place for place, group in enumerate(found) for name in group.names}
    for event in events:
        if event.action in NOTES:
            continue
        if event.action == "horizon":
            found = _over(found, event)
        elif event.action == "join":
            found.append(_joined(found, event, recipe))
            places |= dict.fromkeys(event.names, len(found) - 1)
        else:
            parts = [rows for name in event.names if (rows := rows_of(name, places))]
            titles = {rows.title for rows in parts}
            for place in _touched([name for name in event.names if name not in titles], found, places):
                found[place] = _edited(found[place], event)
            for rows in parts:
                found[places[rows.name]] = _edited_rows(found[places[rows.name]], rows, event)
    return tuple(found)


def horizon_of(event: Event) -> Horizon:
    """The length of training that an event tells.

    Raises:
        CheckpointError: It tells none.
    """
    try:
        return Horizon(**event.value)
    except (TypeError, ScheduleError) as error:
        raise CheckpointError(f"This tells no length of training: {shown(event.value)}. {error}") from error


def _touched(names: Sequence[str], groups: Sequence[Group], places: Mapping[str, int]) -> list[int]:
    """Where the groups stand that all of the named parameters make up.

    Raises:
        CheckpointError: A name is in no group, or a group is named in part.
    """
    wanted = set(names)
    if lost := wanted - places.keys():
        raise CheckpointError(
            f"The event names {listing(sorted(lost))}, which no group trains. {nearest(min(lost), places)}"
        )
    touched = sorted({places[name] for name in names})
    for place in touched:
        if rest := [name for name in groups[place].names if name not in wanted]:
            raise CheckpointError(
                f'The event would cut the group "{groups[place].name}": it does not name {listing(rest)}. '
                "Plan with the recipe of the run that it comes from."
            )
    return touched


def course_of(group: Target, hyper: str) -> Course:
    """The course of a hyperparameter that an event may change.

    Raises:
        PlanError: The optimizer of the group, or of the rows, does not read it.
    """
    profile = group.profile
    if hyper in OWN:
        raise PlanError(
            f"{hyper} is no setting that an edit can change. What is frozen when, and how, is planned: "
            'pg.rule(…, trainable=False, until="20%").'
        )
    if hyper not in profile.courses:
        name = profile.optimizer.name
        raise PlanError(f'"{hyper}" is not read by {name}. {nearest(hyper, profile.courses)}')
    if isinstance(group, RowSegment) and hyper in CLIPPING:
        raise PlanError(f"{hyper}= is for whole tensors: rows of one are clipped with the rest of it.")
    default = profile.optimizer.defaults[hyper]
    if not is_number(default) and hyper not in TURNED:
        raise PlanError(
            f"{hyper}={default!r} decides what the optimizer remembers, or how it computes, from its first "
            "step on: no edit can change it. Say it in the recipe."
        )
    return profile.courses[hyper]


def with_link(group: Target, hyper: str, link: Link, written: Any = None) -> Course:
    """The course of a hyperparameter of a group, or of rows, with one more voice.

    Raises:
        PlanError: The group's optimizer does not read it, or the value is of another kind or leaves its
            domain at some tick.
    """
    course = course_of(group, hyper)
    _check_kind(hyper, link, course, group.profile.optimizer.defaults[hyper])
    changed = course.then(link, written)
    _check_domain(hyper, changed, link.start, group)
    return changed


def link_of(event: Event, horizon: Horizon) -> Link:
    """An edit or a controller's rule as a voice of the cascade."""
    scales = event.action != "set"
    return Link(
        float(event.value) if scales else event.value,  # products of ints have no bounds
        scales=scales,
        origin=f"{event.cause}, {horizon.unit} {event.step:,.15g}",
        start=event.step,
        until=math.inf if event.until is None else event.until,
    )


def _edited(group: Group, event: Event) -> Group:
    edited = _changed(group, event, _checked_written(event))
    if not group.segments or event.hyper in CLIPPING:
        return edited
    return replace(edited, segments=tuple(_changed(one, event) for one in group.segments))


def _edited_rows(group: Group, rows: Rows, event: Event) -> Group:
    """The group with an edit of rows of one of its tensors."""
    parted = cut_out(group, rows)
    written = _checked_written(event)
    made = (_changed(one, event, written) if is_within(one, rows) else one for one in parted.segments)
    return replace(parted, segments=tuple(made))


def _changed(target: T, event: Event, written: Any = None) -> T:
    """A group, or rows, with an edit heard."""
    link = link_of(event, course_of(target, event.hyper).horizon)
    made = with_courses(target, {event.hyper: with_link(target, event.hyper, link, written)})
    _check_decay(made, event.step)
    return made


def _check_decay(target: Target, since: float) -> None:
    """Decay that does not follow the rate can be so with what the group holds now."""
    profile = target.profile
    if profile.independent:
        check_decoupled(profile.optimizer, profile.courses, target.title)
        _check_domain(DECAY, profile.courses[DECAY], since, target)


def _checked_written(event: Event) -> Any:
    """What an event wrote at its step, exactly; None where it wrote nothing."""
    written = event.new if event.action == "write" else None
    if written is not None and (not is_number(written) or written not in domain_of(event.hyper)):
        raise PlanError(f"{event.hyper} cannot be {shown(written)}: it must be {domain_of(event.hyper)}.")
    return written


def with_courses(group: T, courses: dict[str, Course]) -> T:
    """A group, or rows, with other courses of some hyperparameters."""
    made = {**group.profile.courses, **courses}
    made = independent(made) if group.profile.independent else made
    return replace(group, profile=replace(group.profile, courses=made))


def _check_kind(hyper: str, link: Link, course: Course, default: Any) -> None:
    standing = course.at(link.start)
    if link.scales and not is_number(standing):
        raise PlanError(f"{hyper}={standing!r} is no number, so it cannot be scaled.")
    if not link.scales or default is not None:
        _check_value(hyper, link.value, default)


def _check_value(hyper: str, value: Any, default: Any) -> None:
    if is_number(default) and not is_number(value):
        raise PlanError(f"{hyper}={shown(value)} is no number. Write one, such as {default!r}.")
    if hyper in OPTIONAL and value is not None and value not in domain_of(hyper):
        raise PlanError(f"{hyper}={shown(value)}: it must be a number, {domain_of(hyper)}, or None.")
    if isinstance(default, bool) and not isinstance(value, bool):
        raise PlanError(f"{hyper}={shown(value)} is no switch. Write {hyper}=True or {hyper}=False.")


def _check_domain(hyper: str, course: Course, since: float, group: Target, when: str = "") -> None:
    for tick, value in sorted(course.extremes(since), key=itemgetter(0)):
        if is_number(value) and value not in domain_of(hyper):
            raise PlanError(
                f'{when}{hyper} of "{group.title}" would leave its domain: {value!r} at '
                f"{course.horizon.unit} {tick:,.0f}. It must be {domain_of(hyper)}."
            )


def _over(groups: Sequence[Group], event: Event) -> list[Group]:
    """All schedules over another horizon from a step on."""
    horizon, planned = horizon_of(event), groups[0].courses["lr"].horizon
    if horizon.unit != planned.unit:
        raise CheckpointError(f"A tick is one {horizon.unit} in {event}, and one {planned.unit} in the plan.")

    @cache
    def made(timing: Timing) -> Timing:
        return replace(timing, horizon=horizon)

    return [_group_over(group, horizon, event.step, made) for group in groups]


def _group_over(group: Group, horizon: Horizon, tick: float, made: Callable[[Timing], Timing]) -> Group:
    def over(target: T) -> T:
        found = target.profile.courses
        courses = {name: course.over(horizon, tick, made) for name, course in found.items()}
        for name, course in courses.items():
            _check_domain(name, course, tick, target, f"Over {horizon} ")
        return with_courses(target, courses)

    return replace(over(group), segments=tuple(map(over, group.segments)))


def _joined(groups: Sequence[Group], event: Event, recipe: Recipe) -> Group:
    """A group that was added in the middle of a run: its own values, and the schedules of the recipe."""
    horizon = groups[0].courses["lr"].horizon
    origin = f"{event.cause}, {horizon.unit} {event.step:,.15g}"
    schedules = dict(recipe.schedules)
    name, numel, told = _checked_join(event, groups)
    named = event.value.get("optimizer", recipe.optimizer)
    optimizer = optimizer_class(named)

    def course(name: str, value: Any) -> Course:
        said = Cascade((Link(schedules.get(name), scales=False, origin="recipe"),))
        clock = Cascade((Link("run", scales=False, origin="recipe"),))
        began = timings(said, clock, (0,), lambda schedule, tick: Timing(schedule, tick, horizon))
        return Course(Cascade((Link(value, scales=False, origin=origin),)), said, began, horizon)

    settings = {**optimizer.defaults} | {"lr": recipe.lr} | told
    for hyper, value in settings.items():
        _check_value(hyper, value, optimizer.defaults.get(hyper))
    before = Link(value=not event.step, scales=False, origin="not there yet")
    profile = Profile(
        optimizer,
        named=Cascade((Link(named, scales=False, origin=origin),)),
        trainable=Cascade((before, Link(True, scales=False, origin=origin, start=event.step))),
        own=own_of(recipe),
        courses={name: course(name, value) for name, value in settings.items()},
        group=None,
        codes=(),
    )
    group = with_courses(Group(name, event.names, numel, profile), {})
    for hyper, found in group.courses.items():
        _check_domain(hyper, found, 0, group)
    _check_decay(group, 0)
    return group


def _checked_join(event: Event, groups: Sequence[Group]) -> tuple[str, int, dict[str, Any]]:
    """What an event says of a group that comes: its name, how many numbers it holds, and its settings."""
    match event.value:
        case {"name": str(name), "numel": int(numel), "settings": dict(settings)}:
            known = {one for group in groups for one in group.names}
            if twice := known.intersection(event.names):
                raise CheckpointError(f"{event} names {listing(sorted(twice))}, which other groups hold.")
            if name in {group.name for group in groups}:
                raise CheckpointError(f'{event}: there is a group "{name}" already.')
            return name, numel, settings
    raise CheckpointError(f"This describes no group: {shown(event.value)}. Give name, numel and settings.")
