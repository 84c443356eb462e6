"""Which group of the plan each group of an optimizer is; what does not fit is refused."""

from collections import Counter
from collections.abc import Iterable, Sequence

from torch import nn
from torch.optim import Optimizer

from paramgroups.errors import PlanError, listing, nearest
from paramgroups.planning import Group, Plan
from paramgroups.planning.binding import Bound
from paramgroups.run.abilities import check_abilities, check_one


def check_arguments(optimizer: object, plan: object) -> None:
    """Refuse what is no optimizer and no plan.

    Raises:
        PlanError: One of them is not what it should be.
    """
    if not isinstance(optimizer, Optimizer):
        raise PlanError(f"pg.Scheduler: {type(optimizer).__name__} is no torch optimizer.")
    if not isinstance(plan, Plan):
        raise PlanError(
            f"pg.Scheduler: {type(plan).__name__} is no plan. Make one: pg.plan(model, recipe, …)."
        )
    check_planned(plan)


def adopted_groups(optimizer: Optimizer, plan: Plan, bound: Bound | None) -> list[Group]:
    """The plan's group for each group of the optimizer, in the optimizer's order.

    Args:
        optimizer: The optimizer.
        plan: The plan.
        bound: The live tensors by name; None where no model is known.

    Raises:
        PlanError: A group has no name or not one of the plan, one is lacking or there twice, holds other
            tensors than the model, or the plan asks of the optimizer what it does not do.
    """
    groups = _by_name(optimizer, plan)
    expected = plan.groups if bound is None else [g for g in plan.groups if bound.keys() & set(g.names)]
    names = {group.name for group in groups}
    if lacking := [group.name for group in expected if group.name not in names]:
        raise PlanError(
            f"The optimizer lacks {len(lacking):,} of the plan's groups: {listing(lacking)}. Make it of all "
            "of plan.param_groups(); for a part of the model, give that: pg.Scheduler(…, model=part)."
        )
    check_one(optimizer, groups)
    for held, group in zip(optimizer.param_groups, groups, strict=True):
        check_abilities(optimizer, held, group)
    if bound is not None:
        _check_tensors(optimizer, groups, bound)
    return groups


def _by_name(optimizer: Optimizer, plan: Plan) -> list[Group]:
    known = {group.name: group for group in plan.groups}
    names = [group.get("name") for group in optimizer.param_groups]
    fix = "Make the optimizer of plan.param_groups(), or both by pg.build(plan)."
    if None in names:
        raise PlanError(f"Group {names.index(None)} of the optimizer has no name. {fix}")
    if strange := [str(name) for name in names if name not in known]:
        raise PlanError(
            f"The plan has no group {listing(f'{name!r}' for name in strange)}. "
            f"{nearest(strange[0], known)} {fix}"
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise PlanError(f"The optimizer has the group {twice[0]!r} more than once. {fix}")
    return [known[str(name)] for name in names]


def _check_tensors(optimizer: Optimizer, groups: Sequence[Group], bound: Bound) -> None:
    for held, group in zip(optimizer.param_groups, groups, strict=True):
        wanted = {name: bound[name] for name in group.names if name in bound}
        if name := _differing(wanted, held["params"]):
            raise PlanError(
                f'The group "{group.name}" of the optimizer does not hold the tensors that it has in the '
                f'model, such as "{name}". Make the optimizer after whatever replaces parameters, and give '
                "the scheduler the model that it is made of: pg.Scheduler(optimizer, plan, model=…)."
            )


def _differing(wanted: Bound, held: Iterable[nn.Parameter]) -> str | None:
    """A tensor that is not held, or one of the wanted names where more are held."""
    left = {id(tensor) for tensor in held}
    count = len(left)
    lacking = [name for name, tensor in wanted.items() if id(tensor) not in left]
    if lacking or count == len(wanted):
        return next(iter(lacking), None)
    return next(iter(wanted), "none")


def check_planned(plan: Plan) -> None:
    """Refuse a plan with a journal in it: a run would start with its events, and hear them again.

    Raises:
        PlanError: It is a replayed one.
    """
    if plan.events:
        raise PlanError(
            "This plan was replayed with a journal, to look at. Build the plan that it was made of, and load "
            "the scheduler's state: its events are in there."
        )
