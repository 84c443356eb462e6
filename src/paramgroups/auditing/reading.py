"""From what is handed in to the subject of an audit; what cannot be seen inside is told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.objects import WITHIN, driver_of, optimizer_within
from paramgroups.auditing.subject import Group, Subject
from paramgroups.errors import Finding, listing, shown
from paramgroups.indexing.reading import index_with_tensors
from paramgroups.schedules import Horizon

UNSEEN = Kind(
    "PG190", "warning", "what cannot be seen inside",
    "What is not seen is not checked: no finding there does not mean that all is well.",
)  # fmt: skip
KINDS = (UNSEEN,)


def read_subject(
    model: nn.Module, optimizer: Any, scheduler: Any, horizon: Horizon
) -> tuple[Subject, list[Finding]]:
    """The subject of an audit, and what of it cannot be seen.

    Args:
        model: The model, in any wrapper.
        optimizer: One optimizer or several, in any wrappers; None for none.
        scheduler: One scheduler or several, or the dicts that Lightning takes; None for none.
        horizon: How long training is to be.

    Raises:
        ModelError: The model cannot be indexed.
    """
    found, tensors = index_with_tensors(model)
    handed = [(one, optimizer_within(one)) for one in _several(optimizer)]
    driven = [(one, driver_of(one)) for one in _several(scheduler)]
    optimizers = tuple({id(one): one for _, one in handed if one is not None}.values())
    names = {id(tensor): name for name, tensor in tensors.items()}
    groups = tuple(group for at in range(len(optimizers)) for group in _groups(optimizers, at, names))
    drivers = tuple(one for _, one in driven if one is not None)
    unseen = [] if handed else [_nothing()]
    unseen += [_unseen_optimizer(one) for one, seen in handed if seen is None]
    unseen += [_unseen_scheduler(one) for one, seen in driven if seen is None]
    return Subject(model, found, tensors, groups, optimizers, drivers, horizon), unseen


def _several(given: Any) -> Sequence[Any]:
    several = given if isinstance(given, (list, tuple)) else (given,)
    return [one for one in several if one is not None]


def _groups(optimizers: Sequence[Optimizer], at: int, names: Mapping[int, str]) -> Iterable[Group]:
    optimizer = optimizers[at]
    before = f"optimizer {at}, " if len(optimizers) > 1 else ""
    for place, settings in enumerate(optimizer.param_groups):
        label = before + _label(place, settings)
        params = _tensors(settings.get("params", ()))
        told = tuple(names.get(id(tensor)) or f"{label}[{i}]" for i, tensor in enumerate(params))
        yield Group(place, label, settings, params, told, optimizer)


def _label(place: int, settings: Mapping[str, Any]) -> str:
    name = settings.get("name")
    return f'group "{name}"' if isinstance(name, str) else f"group {place}"


def _tensors(params: Any) -> tuple[Tensor, ...]:
    if isinstance(params, Tensor):
        return (params,)
    # A generator is left as it is: to look into it is to use it up.
    return tuple(one for one in params if isinstance(one, Tensor)) if isinstance(params, Collection) else ()


def _nothing() -> Finding:
    message = "No optimizer was handed in, so that nothing can be told of groups and rates."
    return UNSEEN.finding(message, "Hand in what steps the model: pg.audit(model, optimizer).")


def _unseen_optimizer(found: object) -> Finding:
    message = (
        f"What was handed in as optimizer, {_described(found)}, is no torch optimizer with groups, and holds "
        f"none under a name that is known ({listing(WITHIN)})."
    )
    fix = "Hand in torch's optimizer itself, pg.audit(model, wrapper.optimizer), or several in a list."
    return UNSEEN.finding(message, fix)


def _unseen_scheduler(found: object) -> Finding:
    message = (
        f"What was handed in as scheduler, {_described(found)}, has no optimizer that it drives, and holds "
        "no scheduler that has one."
    )
    fix = (
        "Hand in the scheduler itself, such as pg.audit(model, optimizer, wrapper.scheduler), or several in "
        "a list."
    )
    return UNSEEN.finding(message, fix)


def _described(found: object) -> str:
    kind = type(found)
    plain = f" {shown(found)}" if isinstance(found, (str, int, float)) else ""
    return f"{kind.__module__}.{kind.__qualname__}{plain}"
