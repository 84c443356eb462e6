"""What resolves and yet is refused: names that nobody reads, values out of their domain, rows of a group."""

import math
from typing import Any

from paramgroups.errors import PlanError, ScheduleError
from paramgroups.optim import OptimizerClass, domain_of, is_number
from paramgroups.optim.hyperparameters import CLIPPING, DOMAINS
from paramgroups.planning.course import Course
from paramgroups.planning.decaying import check_decoupled
from paramgroups.planning.matching import place_of, whole_of
from paramgroups.planning.profile import Profile
from paramgroups.planning.resolution import Resolution
from paramgroups.rules.rule import OWN, nearest_setting

WHOLE = ("optimizer", *CLIPPING)
"""What rows of a tensor cannot have of their own."""
TRAINED_TYPES = ("float", "bfloat", "complex")


def refuse(resolution: Resolution) -> None:
    """Refuse what is silently wrong.

    Raises:
        PlanError: A hyperparameter is read by nobody, a value leaves its domain at some tick, rows of
            a tensor are given what only whole tensors have, or whole numbers are to be trained.
        ScheduleError: A schedule does not fit the horizon.
    """
    _check_whole(resolution)
    _check_gradients(resolution)
    _check_watched(resolution)
    _check_read(resolution)
    _check_domains(resolution)
    _check_decays(resolution)


def _check_whole(resolution: Resolution) -> None:
    """A group and an optimizer hold whole tensors, and whole tensors are clipped."""
    for segments in resolution.segments.values():
        for segment, profile in segments:
            for match, code in zip(resolution.matches, profile.codes, strict=True):
                rule = match.rule
                asked = [one.name for one in rule.assignments if one.name in WHOLE] + ["group"] * bool(
                    rule.group
                )
                if asked and code and not match.codes[segment.position]:
                    raise PlanError(
                        f'{asked[0]}= is for whole tensors, and "{rule.selector.written}" selects rows of '
                        f'"{resolution.index.rows[segment.position].name}": take the rows off, or leave '
                        f"{asked[0]}= out.\n  {place_of(match.number, resolution.profiler.recipe)}."
                    )


def _check_gradients(resolution: Resolution) -> None:
    """What a rule thaws can be trained: torch has no gradient of whole numbers, as quantised weights are."""
    for position, row in enumerate(resolution.index):
        if row.trainable or row.dtype.startswith(TRAINED_TYPES):
            continue
        thawed = [
            link.origin for link in resolution.profile_at(position).trainable.links if link.value is True
        ]
        if thawed:
            raise PlanError(
                f'"{row.name}" holds {row.dtype}, of which torch takes no gradients, so that it cannot be '
                f"trained. Leave it out of what is thawed.\n  {thawed[-1]}."
            )


def _check_watched(resolution: Resolution) -> None:
    """A controller has something to change, and cuts no group that a rule keeps together."""
    for watch in resolution.watches:
        matched = {int(resolution.numbers[position]) for position in watch.codes.nonzero()[0]}
        inside = [resolution.profiles[number] for number in sorted(matched)]
        kept = {profile.group for profile in inside if profile.group}
        others = (profile for number, profile in enumerate(resolution.profiles) if number not in matched)
        if cut := sorted(kept.intersection(profile.group for profile in others if profile.group)):
            raise PlanError(
                f'Controller {watch.controller.title} would cut the group "{cut[0]}", which a rule keeps '
                f'together: "{watch.selector.written}" matches a part of it. Let the controller watch all of '
                "it, or give that part a group of its own: group=."
            )
        if all(profile.frozen for profile in inside):
            raise PlanError(
                f'Controller {watch.controller.title} watches "{watch.selector.written}", which matches only '
                "parameters that are never trained, so it could change nothing. Thaw them, or take it out."
            )


def _check_read(resolution: Resolution) -> None:
    """Each name that the recipe gives is read by some optimizer, and a rule's by one that it reaches."""
    recipe = resolution.profiler.recipe
    everyone = {profile.optimizer for profile in resolution.all_profiles}
    for name in [*recipe.settings, *dict(recipe.schedules)]:
        _check_name(name, everyone, "which the recipe names", whole_of(recipe))
    for place, match in enumerate(resolution.matches):
        reached = {profile.optimizer for profile in resolution.all_profiles if profile.codes[place]}
        which = f'which steps what "{match.rule.selector.written}" matches'
        for name in match.rule.hyperparameters:
            _check_name(name, reached or everyone, which, place_of(match.number, recipe))


def _check_name(name: str, optimizers: set[OptimizerClass], which: str, place: str) -> None:
    known = {name for optimizer in optimizers for name in optimizer.defaults}
    if name not in known:
        who = " nor ".join(sorted(optimizer.name for optimizer in optimizers))
        raise PlanError(
            f'"{name}" is not read by {who}, {which}. {nearest_setting(name, {*known, *OWN})}\n  {place}.'
        )


def _check_domains(resolution: Resolution) -> None:
    """No course leaves its domain at any tick; a class's default of a name of its own may be infinite."""
    seen: set[Any] = set()
    for profile in resolution.all_profiles:
        for name, course in profile.courses.items():
            if (name, course.key) not in seen and (name in DOMAINS or not course.unsaid):
                seen.add((name, course.key))
                _check_course(name, profile, resolution)


def _check_course(name: str, profile: Profile, resolution: Resolution) -> None:
    course, default = profile.courses[name], profile.optimizer.defaults[name]
    who = resolution.example_of
    if unfit := [value for value in _scheduled(course) if not is_number(value)]:
        raise PlanError(
            f'{name}={unfit[0]!r} of "{who(profile)}" is no number, so no schedule can scale it.'
            f"\n  {_origin(course, 0)}."
        )
    try:
        found = course.extremes()
    except ScheduleError as error:
        raise ScheduleError(f'The schedule of {name} for "{who(profile)}": {error}') from error
    for tick, value in sorted(found, key=lambda pair: pair[0]):
        if wrong := _wrong(name, value, default):
            at = f'At {course.horizon.unit} {tick:,.0f} for "{who(profile)}"'
            raise PlanError(f"{at}: {wrong}\n  {_origin(course, tick)}.")


def _check_decays(resolution: Resolution) -> None:
    """Decay that is to be independent of the rate is that of an optimizer that can have it so."""
    for profile in resolution.all_profiles:
        if profile.independent and not profile.frozen:
            check_decoupled(profile.optimizer, profile.courses, resolution.example_of(profile))


def _scheduled(course: Course) -> list[Any]:
    """The values that a schedule scales."""
    return [value for _, value in course.chain.pieces] if any(timing for _, timing in course.timings) else []


def _wrong(name: str, value: Any, default: Any) -> str:
    """What is wrong with a value, judged by the kind of the default; nothing if all is well."""
    if is_number(default) and not is_number(value):
        return f"{name}={value!r} is no number. The optimizer wants one, such as {default!r}."
    if isinstance(default, bool) and not isinstance(value, bool):
        return f"{name}={value!r} is no switch. Write {name}=True or {name}=False."
    if is_number(value) and value not in domain_of(name):
        fix = "Change its schedule, or the factors of its rules."
        wanted = domain_of(name) if math.isfinite(value) else "finite"
        return f"{name}={value:.6g} is out of its domain: it must be {wanted}. {fix}"
    return ""


def _origin(course: Course, tick: float) -> str:
    """Who makes the value: the end of an error's message."""
    voices = [f"{link.value} ({link.origin})" for link in course.told.acting(tick)]
    timing = course.timing(tick)
    scheduled = [f"{timing.factor(tick):.6g} ({timing.words})"] if timing else []
    return " × ".join([*voices, *scheduled])
