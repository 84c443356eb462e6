"""Making an optimizer of groups, and letting one forget."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, optim

from paramgroups.errors import PlanError, listing
from paramgroups.optim import OptimizerClass, pack
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.hyperparameters import key_of
from paramgroups.optim.memory import UNCOUNTED, Memory
from paramgroups.optim.optimizer import Optimizer

Held = list[dict[str, Any]]


def make(
    optimizer: OptimizerClass, groups: Held, settings: Mapping[str, Any], options: Mapping[str, Any]
) -> Optimizer:
    """Our optimizer, from groups that hold all their settings.

    Args:
        optimizer: Who steps the groups that do not say it themselves.
        groups: The groups.
        settings: What groups are given that are added later, and what a class reads where it is made; what
            the optimizer does not read is passed over.
        options: How ours steps them.

    Raises:
        OptimizerError: It refuses them.
        PlanError: A class that steps in our place does.
    """
    whole = pack({**optimizer.defaults, **settings})  # one beta alone is no pair
    known = {name: whole[name] for name in pack(optimizer.defaults) if _says(settings, name)}
    try:
        return Optimizer(groups, optimizer.named, **options, **known)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _refused(optimizer.name, groups, error) from error


def _says(settings: Mapping[str, Any], name: str) -> bool:
    return any(name in (key, key_of(key)) for key in settings)


def make_torchs(optimizer: OptimizerClass, groups: Held, settings: Mapping[str, Any]) -> optim.Optimizer:
    """An optimizer of a class of torch's or a user's, from groups that hold all their settings.

    Args:
        optimizer: The class.
        groups: Its groups.
        settings: What its class reads where it is made, and not from a group; others are passed over.

    Raises:
        PlanError: The class refuses them, or there is none of this name.
    """
    made: Any = optimizer.cls
    if made is None:
        raise PlanError(f"torch has no {optimizer.name}: let pg.build(plan) make the optimizer.")
    wanted = inspect.signature(made).parameters
    known = {name: value for name, value in pack(settings).items() if name in wanted}
    try:
        return made(groups, **known)  # type: ignore[no-any-return]  # a class of optimizers
    except (TypeError, ValueError, RuntimeError) as error:
        raise _refused(optimizer.name, groups, error) from error


def _refused(who: str, groups: Iterable[Mapping[str, Any]], error: Exception) -> PlanError:
    names = listing(str(group.get("name")) for group in groups)
    return PlanError(
        f"{who} does not take the plan's groups: {str(error).rstrip('.')}. It was given: "
        f"{names}. Change the recipe's rules or settings, or name another optimizer."
    )


def forget(
    optimizer: optim.Optimizer, group: Mapping[str, Any], made_of: OptimizerClass, tensors: Sequence[Tensor]
) -> None:
    """Let an optimizer remember of tensors of a group what it does of new ones: mostly nothing.

    Ours makes state when it first steps a tensor; others may do so where they are made.
    """
    _settle(optimizer)
    for tensor in tensors:
        optimizer.state.pop(tensor, None)
    if made_of.cls is None or (made_of.is_ours and isinstance(optimizer, Optimizer)):
        return
    fresh = make_torchs(made_of, [{**group, "params": list(tensors)}], optimizer.defaults).state
    optimizer.state.update({tensor: fresh[tensor] for tensor in tensors if tensor in fresh})


def forget_rows(
    optimizer: optim.Optimizer,
    group: Mapping[str, Any],
    made_of: OptimizerClass,
    tensor: Tensor,
    rows: slice | None,
) -> None:
    """Let our optimizer, which alone steps rows, remember of some rows what it does of new ones.

    Args:
        optimizer: The optimizer.
        group: The group that holds the tensor.
        made_of: Whose update rule steps it.
        tensor: The tensor.
        rows: The rows; None for all.
    """
    _settle(optimizer)
    name = str(made_of.named)
    family = ALGORITHMS[name]
    memory = Memory(optimizer.state, family.starts, counted=name not in UNCOUNTED)
    memory.forget_rows(tensor, family.of(group), group, rows or slice(None))


def _settle(optimizer: optim.Optimizer) -> None:
    """What a GPU has decided about the last step would be counted back later, over what is forgotten."""
    if isinstance(optimizer, Optimizer):
        optimizer.settle()
