"""What an optimizer can do for a group of the plan; what it cannot is refused: it would be passed over."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from torch import optim

from paramgroups.errors import PlanError, listing, nearest
from paramgroups.optim import unpack
from paramgroups.optim.hyperparameters import CLIPPING, DOMAINS
from paramgroups.optim.naming import Known
from paramgroups.optim.optimizer import OPTIMIZER, Optimizer
from paramgroups.planning import Course, Group

OURS = "Let pg.build(plan) make the optimizer, or pg.Optimizer(plan.param_groups(), …)."


def is_ours(optimizer: optim.Optimizer) -> bool:
    """Whether it is ours, which steps rows, clips, and has several update rules."""
    return isinstance(optimizer, Optimizer)


def stepping(optimizer: optim.Optimizer) -> optim.Optimizer:
    """The optimizer that steps: the one within, where `ZeroRedundancyOptimizer` spreads its memory."""
    within = getattr(optimizer, "optim", None)
    return within if isinstance(within, optim.Optimizer) else optimizer


def reads(optimizer: optim.Optimizer, held: Mapping[str, Any], group: Group) -> Collection[str]:
    """The hyperparameters that an optimizer reads from one of its groups.

    Args:
        optimizer: The optimizer.
        held: Its group.
        group: The plan's group.
    """
    if not is_ours(optimizer):
        return tuple(unpack(stepping(optimizer).defaults))
    own = group.profile.optimizer.defaults if OPTIMIZER in held else unpack(optimizer.defaults)
    return tuple({**own, **CLIPPING})


def writable(group: Group, known: Collection[str]) -> dict[str, Course]:
    """What is written into an optimizer's group, of the hyperparameters that it reads.

    A class of another package may keep there what it has learned, under names that are its own and that
    nobody has said anything of: steps counted, a distance estimated. That is left to it.
    """
    theirs = not isinstance(group.profile.optimizer.named, str)
    return {
        name: course
        for name, course in group.written.items()
        if name in known and not (theirs and course.unsaid and (name not in DOMAINS or course.base is None))
    }


def check_abilities(optimizer: optim.Optimizer, held: Mapping[str, Any], group: Group) -> None:
    """Refuse a group that an optimizer would not step as planned.

    Raises:
        PlanError: The plan asks for rows, another optimizer, or a hyperparameter that it does not read.
    """
    if is_ours(optimizer):
        check_rows(group)
        _check_named(held, group)
    elif group.segments:
        raise _no_rows(group, type(optimizer).__name__, OURS)
    if not group.segments and held.get("rows"):
        raise PlanError(
            f'The group "{group.name}" of the optimizer has rows of its own, and the plan knows none. '
            'Say them in the recipe: pg.rule("embed.weight[10:20]", lr_scale=10).'
        )
    known = reads(optimizer, held, group)
    said = [name for name, course in group.courses.items() if not course.unsaid]
    if unread := [name for name in said if name not in known]:
        raise PlanError(_unread(unread[0], optimizer, group, known))


def check_rows(group: Group) -> None:
    """Refuse rows with values of their own where another class steps their group in our place.

    Raises:
        PlanError: It has some.
    """
    if group.segments and not group.profile.optimizer.is_ours:
        raise _no_rows(group, group.profile.optimizer.name, 'Or name one of ours for it: optimizer="adamw".')


def check_one(optimizer: optim.Optimizer, groups: Iterable[Group]) -> None:
    """Refuse groups of several optimizers in an optimizer of one.

    Raises:
        PlanError: The plan names several, and this one is not ours.
    """
    found = {group.profile.optimizer.named: group.profile.optimizer.name for group in groups}
    if len(found) > 1 and not is_ours(optimizer):
        raise PlanError(
            f"The plan names several optimizers, {listing(found.values())}, and {type(optimizer).__name__} "
            f"steps all groups alike. {OURS}"
        )


def _no_rows(group: Group, who: str, fix: str) -> PlanError:
    first = group.segments[0]
    return PlanError(
        f'Rows {first.start} to {first.stop - 1} of "{first.name}" have values of their own, and {who} steps '
        f"whole tensors: give the rule the whole tensor. {fix}"
    )


def _check_named(held: Mapping[str, Any], group: Group) -> None:
    planned, named = group.profile.optimizer, held.get(OPTIMIZER)
    if named is not None and named != Known().name_of(planned.named):
        raise PlanError(
            f'The group "{group.name}" is planned for {planned.name}, and the optimizer steps it by '
            f"{named!r}. Make the optimizer of plan.param_groups(), or both by pg.build(plan)."
        )


def _unread(name: str, optimizer: optim.Optimizer, group: Group, known: Collection[str]) -> str:
    who = type(optimizer).__name__
    told = (
        f'"{name}" of the group "{group.name}" is planned for {group.profile.optimizer.name}, and {who} does '
    )
    if name in CLIPPING:
        return f"{told}not clip. {OURS}"
    return f"{told}not read it. {nearest(name, known)}"
