"""Edits: what is changed by hand while training, as one more voice in the cascade."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramgroups.errors import CheckpointError, PlanError, SelectorError, listing, nearest
from paramgroups.optim import domain_of, is_number
from paramgroups.planning import Group, Plan
from paramgroups.planning.cascade import Link
from paramgroups.select import Selector, as_selector


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


def edited_groups(selector: str | Selector, plan: Plan, groups: Sequence[Group]) -> tuple[str, ...]:
    """The groups that an edit means, by name.

    Args:
        selector: A selector that matches whole groups; where it does not, the name of a group.
        plan: The plan.
        groups: The groups that may be edited.

    Raises:
        PlanError: It matches no trained parameter, or a part of a group only.
    """
    named = tuple(g.name for g in groups if selector in (g.name, g.profile.group))
    try:
        return _whole_groups(as_selector(selector), plan, groups)
    except (PlanError, SelectorError):
        if named:
            return named
        raise


def _whole_groups(selector: Selector, plan: Plan, groups: Sequence[Group]) -> tuple[str, ...]:
    found = selector.select(plan.index, plan.pins)
    if found.rows:
        raise PlanError(f'"{selector.written}" selects rows, and no optimizer of torch steps rows.')
    matched = {row.name for row, whole in zip(plan.index, found.whole.tolist(), strict=True) if whole}
    touched = [group for group in groups if matched.intersection(group.names)]
    if not touched:
        names = [group.name for group in groups]
        raise PlanError(
            f'"{selector.written}" matches no trained parameter. {nearest(selector.written, names)}'
        )
    _check_uncut(selector.written, matched, touched)
    return tuple(group.name for group in touched)


def _check_uncut(text: str, matched: set[str], touched: Iterable[Group]) -> None:
    for group in touched:
        if rest := [name for name in group.names if name not in matched]:
            raise PlanError(
                f'"{text}" would cut the group "{group.name}": {len(rest):,} of its {len(group.names):,} '
                f'parameters are not matched, such as "{rest[0]}". Groups never change in training: plan '
                f'with pg.rule("{text}", group="{text.strip(":@") or "mine"}").'
            )


def check_edit(edit: Edit, groups: Sequence[Group]) -> None:
    """An edit names what its groups' optimizer reads, and leaves it in its domain for the rest of the run.

    Raises:
        PlanError: It does not.
    """
    for group in groups:
        if group.name in edit.groups:
            _check_group(edit, group)


def _check_group(edit: Edit, group: Group) -> None:
    if edit.hyper not in group.courses:
        optimizer = group.profile.optimizer.name
        raise PlanError(f'"{edit.hyper}" is not read by {optimizer}. {nearest(edit.hyper, group.courses)}')
    course = group.courses[edit.hyper]
    if edit.scales and not is_number(course.base):
        raise PlanError(f"{edit.hyper}={course.base!r} is no number, so it cannot be scaled.")
    for tick, value in course.then(edit.link).extremes():
        if is_number(value) and value not in domain_of(edit.hyper):
            raise PlanError(
                f'The edit lets {edit.hyper} of "{group.name}" leave its domain: {value!r} at tick '
                f"{tick:,.0f}. It must be {domain_of(edit.hyper)}."
            )


def read_edits(state: Mapping[str, Any], groups: Sequence[Group]) -> list[Edit]:
    """The edits of a saved scheduler.

    Raises:
        CheckpointError: The state is not of this library's scheduler, or names groups that are not there.
    """
    try:
        edits = [Edit(**{**saved, "groups": tuple(saved["groups"])}) for saved in state["edits"]]
        _ = state["last_epoch"], state["_step_count"]
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            f"This is no state of pg.Scheduler: {error!r}. It has: {listing(map(str, state))}. Load what "
            "its own state_dict() gave; a torch scheduler's state does not say which values it stood for."
        ) from error
    known = {group.name for group in groups}
    if lacking := [name for edit in edits for name in edit.groups if name not in known]:
        raise CheckpointError(
            f'The saved run edited the group "{lacking[0]}", which the plan has not. '
            f"{nearest(lacking[0], known)}"
        )
    return edits
