"""Edits: what is changed by hand while training, as one more voice in the cascade."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from paramgroups.errors import CheckpointError, ParamGroupsError, PlanError, RuleError, listing, nearest
from paramgroups.optim import domain_of, is_finite, is_number
from paramgroups.planning import Group
from paramgroups.planning.cascade import Link
from paramgroups.planning.course import Course
from paramgroups.rules import RowValue
from paramgroups.rules.rule import assignments
from paramgroups.run.writing import Courses


@dataclass(frozen=True)
class Edit:
    """One hyperparameter of some groups, set or scaled from a tick on.

    Attributes:
        tick: From when it acts.
        groups: The groups, by name.
        hyper: The hyperparameter.
        scales: Whether it multiplies what stands.
        value: The value, or the factor.
    """

    tick: float
    groups: tuple[str, ...]
    hyper: str
    scales: bool
    value: Any

    @property
    def link(self) -> Link:
        """Itself as a voice of the cascade."""
        return Link(self.value, self.scales, f"edit at tick {self.tick:,.15g}", start=self.tick)

    @property
    def data(self) -> dict[str, Any]:
        """Itself as plain data."""
        return {**vars(self), "groups": list(self.groups)}


def edits_of(settings: Mapping[str, Any], tick: float, groups: tuple[str, ...]) -> list[Edit]:
    """What settings, written as in a rule, change in some groups from a tick on.

    Raises:
        PlanError: There are none, or one is a function of the row.
        RuleError: A value has no meaning.
    """
    found = assignments(settings)
    if not found:
        raise PlanError("Nothing is set. Write what, such as lr=1e-4 or weight_decay_scale=0.5.")
    for one in found:
        if isinstance(one.value, RowValue):
            raise PlanError(f"{one.key}: a group has one value, so it cannot differ from row to row.")
    return [Edit(tick, groups, one.name, one.scales, one.value) for one in found]


def edited(edits: Iterable[Edit], groups: Sequence[Group], courses: Sequence[Courses]) -> list[Courses]:
    """The hyperparameters of all groups over time, with edits on top.

    Args:
        edits: The edits, in the order in which they were made.
        groups: The groups.
        courses: Their hyperparameters so far; they are left as they are.

    Raises:
        PlanError: An edit names what its groups' optimizer does not read, gives it a value of another
            kind, or drives it out of its domain at some tick.
    """
    courses = [dict(found) for found in courses]
    for edit in edits:
        for group, own in zip(groups, courses, strict=True):
            if group.name in edit.groups:
                own[edit.hyper] = _course(edit, group, own)
    return courses


def _course(edit: Edit, group: Group, courses: Courses) -> Course:
    if edit.hyper in ("trainable", "optimizer"):
        raise PlanError(
            f"{edit.hyper} is no setting that an edit can change. What is frozen when is planned: "
            'pg.rule(…, trainable=False, until="20%").'
        )
    if edit.hyper not in group.courses:
        name = group.profile.optimizer.name
        raise PlanError(f'"{edit.hyper}" is not read by {name}. {nearest(edit.hyper, group.courses)}')
    course = courses.get(edit.hyper, group.courses[edit.hyper])
    _check_kind(edit, course, group.profile.optimizer.defaults[edit.hyper])
    changed = course.then(edit.link)
    _check_domain(edit, changed, group)
    return changed


def _check_kind(edit: Edit, course: Course, default: Any) -> None:
    if edit.scales and not is_number(course.at(edit.tick)):
        raise PlanError(f"{edit.hyper}={course.at(edit.tick)!r} is no number, so it cannot be scaled.")
    if is_number(default) and not is_number(edit.value):
        raise PlanError(f"{edit.hyper}={edit.value!r} is no number. Write one, such as {default!r}.")
    if isinstance(default, bool) and not isinstance(edit.value, bool):
        raise PlanError(
            f"{edit.hyper}={edit.value!r} is no switch. Write {edit.hyper}=True or {edit.hyper}=False."
        )


def _check_domain(edit: Edit, course: Course, group: Group) -> None:
    for tick, value in course.extremes():
        if is_number(value) and value not in domain_of(edit.hyper):
            raise PlanError(
                f'The edit lets {edit.hyper} of "{group.name}" leave its domain: {value!r} at tick '
                f"{tick:,.0f}. It must be {domain_of(edit.hyper)}."
            )


def read_edits(state: Mapping[str, Any], groups: Sequence[Group]) -> tuple[list[Edit], list[Courses]]:
    """The edits of a saved scheduler, and the groups' hyperparameters with them.

    Raises:
        CheckpointError: The state is not of this library's scheduler, or its edits do not fit the groups.
    """
    try:
        edits = [_read(saved) for saved in state["edits"]]
    except (KeyError, TypeError, AttributeError, RuleError) as error:
        raise no_state(state, error) from error
    known = {group.name for group in groups}
    if lacking := [name for edit in edits for name in edit.groups if name not in known]:
        raise CheckpointError(
            f'The saved run edited the group "{lacking[0]}", which the plan has not. '
            f"{nearest(lacking[0], known)}"
        )
    try:
        return edits, edited(edits, groups, [group.written for group in groups])
    except ParamGroupsError as error:
        raise CheckpointError(f"An edit of the saved run does not fit the plan. {error}") from error


def no_state(state: object, error: object) -> CheckpointError:
    """The error for what is no state of a scheduler of ours."""
    found = listing(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
    return CheckpointError(
        f"This is no state of pg.Scheduler: {error!r}. It has: {found}. Load what its own state_dict() gave; "
        "a torch scheduler's state does not say which values it stood for."
    )


def _read(saved: Mapping[str, Any]) -> Edit:
    edit = Edit(**{field.name: saved[field.name] for field in fields(Edit)})
    if not (is_number(edit.tick) and is_finite(edit.tick) and edit.tick >= 0):
        raise TypeError(f"tick={edit.tick!r}")
    if not all(isinstance(name, str) for name in [edit.hyper, *edit.groups]):
        raise TypeError(f"hyper={edit.hyper!r}, groups={edit.groups!r}")
    key = edit.hyper + "_scale" * bool(edit.scales)
    checked = assignments({key: edit.value})[0]
    return Edit(edit.tick, tuple(edit.groups), checked.name, checked.scales, checked.value)
