"""Which groups an edit means."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from paramgroups.errors import NoMatchError, PlanError, SelectorError, nearest
from paramgroups.planning import Group, Plan, RowSegment
from paramgroups.planning.cutting import Rows, is_within
from paramgroups.run.abilities import OURS
from paramgroups.select import Selector, as_selector, nearest_match

ALL = "**"


class Chosen(NamedTuple):
    """What an edit means.

    Attributes:
        groups: The names of whole groups.
        rows: Rows of tensors.
    """

    groups: tuple[str, ...]
    rows: tuple[Rows, ...] = ()

    def holds(self, segment: RowSegment) -> bool:
        """Whether some of the rows hold all of a segment."""
        return any(is_within(segment, rows) for rows in self.rows)


def chosen_groups(
    selector: str | Selector, plan: Plan, groups: Sequence[Group], *, rows: bool = False
) -> Chosen:
    """The groups and rows that an edit means.

    Args:
        selector: A selector that matches whole groups or rows of their tensors, or the name of a group. Where
            text is both, the selector counts, unless it would cut a group and the recipe gives the name by
            `group=`.
        plan: The plan.
        groups: The groups that may be edited.
        rows: Whether the optimizer steps rows.

    Raises:
        SelectorError: It is no selector, matches no trained parameter, or rows that nobody steps apart.
        PlanError: It matches a part of a group only.
    """
    text = selector if isinstance(selector, str) else ""
    named = tuple(g.name for g in groups if text and text in (g.name, g.profile.group))
    given = any(text and text == g.profile.group for g in groups)
    try:
        matched, touched, parts = _touched(as_selector(selector), plan, groups)
    except SelectorError:
        if named:
            return Chosen(named)
        raise
    if given and _cut(matched, touched):
        return Chosen(named)
    _check_uncut(as_selector(selector).written, matched, touched)
    _check_stepped(as_selector(selector).written, groups, parts, rows=rows)
    return Chosen(tuple(group.name for group in touched), parts)


def _touched(
    selector: Selector, plan: Plan, groups: Sequence[Group]
) -> tuple[set[str], list[Group], tuple[Rows, ...]]:
    found = selector.select(plan.index, plan.pins)
    held = {name for group in groups for name in group.names}
    named = ((plan.index.rows[position].name, intervals) for position, intervals in found.rows.items())
    parts = tuple(Rows(name, *ends) for name, intervals in named if name in held for ends in intervals)
    matched = {row.name for row, whole in zip(plan.index, found.whole.tolist(), strict=True) if whole}
    if selector.text == ALL:  # those too that joined while training, of which the index knows nothing
        matched.update(name for group in groups for name in group.names)
    touched = [group for group in groups if matched.intersection(group.names)]
    if not touched and not parts:
        raise _no_match(selector, plan, groups, frozen=bool(matched or found.rows))
    return matched, touched, parts


def _check_stepped(text: str, groups: Sequence[Group], parts: Sequence[Rows], *, rows: bool) -> None:
    if parts and not rows:
        raise SelectorError(f'"{text}" selects rows, and no optimizer of torch steps rows. {OURS}')
    for group in groups:
        if not group.profile.optimizer.is_ours and any(part.name in group.names for part in parts):
            raise SelectorError(
                f'"{text}" selects rows, and {group.profile.optimizer.name} steps whole tensors.'
            )


def _no_match(selector: Selector, plan: Plan, groups: Sequence[Group], *, frozen: bool) -> NoMatchError:
    if frozen:
        return NoMatchError(
            f'"{selector.written}" matches only parameters that are never trained here, so no value of '
            "theirs is read. Thaw them in the recipe: a window, such as until=, on trainable=False."
        )
    near = nearest_match(selector, plan.index, plan.pins)
    hint = f'Nearest: "{near[0]}".' if near else nearest(selector.written, [g.name for g in groups])
    return NoMatchError(f'"{selector.written}" matches no parameter and is the name of no group. {hint}')


def _cut(matched: set[str], touched: Iterable[Group]) -> list[Group]:
    return [group for group in touched if not matched.issuperset(group.names)]


def _check_uncut(text: str, matched: set[str], touched: Iterable[Group]) -> None:
    for group in _cut(matched, touched):
        rest = [name for name in group.names if name not in matched]
        raise PlanError(
            f'"{text}" would cut the group "{group.name}": {len(rest):,} of its {len(group.names):,} '
            f'parameters are not matched, such as "{rest[0]}". Groups never change in training: plan '
            f'with pg.rule("{text}", group="{text.strip(":@") or "mine"}").'
        )
