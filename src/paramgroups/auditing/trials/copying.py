"""Copies of a model, its optimizers and its schedulers, on which steps can be tried."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from paramgroups.auditing.objects import Driver
from paramgroups.auditing.subject import Group, Subject
from paramgroups.auditing.timing.functions import that_changes_things
from paramgroups.errors import ParamGroupsError
from paramgroups.indexing.wrappers import loaded
from paramgroups.optim.optimizer import Optimizer as OurOptimizer

OUTSIDE = (
    ("torch.nn.parallel.distributed", "DistributedDataParallel", "module"),
    ("torch.nn.parallel.data_parallel", "DataParallel", "module"),
    ("torch._dynamo.eval_frame", "OptimizedModule", "_orig_mod"),
)
"""What only runs a model elsewhere or faster: where its type is, its name, and where it has the model."""
SPREAD = (
    ("torch.distributed.fsdp", "FullyShardedDataParallel"),
    ("torch.distributed.tensor", "DTensor"),
)
"""What has parts of tensors on other processes, which would have to step too."""


PATCHED = ("step", "zero_grad")
"""What schedulers and hosts put on an optimizer: bound to it, and of no use to a copy."""


class UncopiedError(ParamGroupsError):
    """There can be no copy to try steps on; the message says why."""


@dataclass(frozen=True, eq=False)
class Copies:
    """What steps are tried on.

    Attributes:
        model: The copy of the model, out of what only runs it.
        optimizers: Those of the optimizers.
        schedulers: Those of the schedulers that go on with each update.
        tensors: The copy of each of the model's parameters.
        members: The groups of the subject, each with its copy and the copies of its tensors.
        made: The copy of each object, by the object's identity.
        untaken: What could not be copied and is left as it stands.
    """

    model: nn.Module
    optimizers: tuple[Optimizer, ...]
    schedulers: tuple[Any, ...]
    tensors: Mapping[str, Tensor]
    members: tuple[tuple[Group, Mapping[str, Any], tuple[Tensor, ...]], ...]
    made: dict[int, Any]
    untaken: tuple[str, ...] = ()


def copies_of(subject: Subject) -> Copies:
    """Copies that share nothing with what was handed in, and step as it would.

    Raises:
        UncopiedError: There can be none here.
    """
    _refuse(subject)
    model = inside(subject.model)
    drivers, untaken = _schedulers(subject)
    try:
        memo = _memo(subject)
        made = copy.deepcopy((model, subject.optimizers, drivers), memo)
    except Exception as error:  # noqa: BLE001  # what is copied is foreign code
        untaken += (f"The schedulers stand still in it, since a copy ended with {_told(error)}.",)
        memo = _memo(subject)
        made = (*_copied((model, subject.optimizers), memo), [])
    for optimizer, copied in zip(subject.optimizers, made[1], strict=True):
        _complete(optimizer, copied, memo)
    tensors = {name: memo[id(one)] for name, one in subject.tensors.items()}
    _carry(subject, memo)
    members = tuple(_members(subject, made[1], memo))
    return Copies(made[0], made[1], tuple(made[2]), tensors, members, memo, untaken)


def inside(model: nn.Module) -> nn.Module:
    """A model out of what only runs it."""
    for where, name, attribute in OUTSIDE * len(OUTSIDE):
        kind = loaded(where, name)
        if kind is not None and isinstance(model, kind):
            model = getattr(model, attribute)
    return model


def _schedulers(subject: Subject) -> tuple[list[Any], tuple[str, ...]]:
    """The schedulers that go on with each update, and why some stand still: a copy shares their functions."""
    found, untaken = [], []
    for driver in subject.drivers:
        if not each_update(driver):
            continue
        if not driver.is_ours and (name := that_changes_things(driver.parts)) is not None:
            untaken.append(
                f"{driver.name} stands still in it, since its function {name} may change something."
            )
        else:
            found.append(driver.scheduler)
    return found, tuple(untaken)


def each_update(driver: Driver) -> bool:
    """Whether a scheduler goes on with each update, as far as it tells."""
    if driver.is_ours:
        return bool(driver.scheduler.plan.horizon.unit == "step")
    torch_has_it = isinstance(driver.scheduler, LRScheduler)
    return driver.interval != "epoch" and torch_has_it and not isinstance(driver.scheduler, ReduceLROnPlateau)


def hooks_of(tensor: Tensor) -> tuple[list[Any], list[Any]]:
    """What acts on a tensor's gradient: before it is added up, and after."""
    before = tensor._backward_hooks or {}  # noqa: SLF001  # torch has no other way to ask
    after: Any = getattr(tensor, "_post_accumulate_grad_hooks", None) or {}
    return list(before.values()), list(after.values())


def carry_hooks(tensor: Tensor, made: dict[int, Any]) -> None:
    """Let what acts on a tensor's gradient act on the copy's, which has no hooks of its own.

    Args:
        tensor: The tensor.
        made: The copy of each object.
    """
    before, after = hooks_of(tensor)
    copied = made[id(tensor)]
    for hook in before:
        copied.register_hook(_own(hook, made))
    for hook in after:
        copied.register_post_accumulate_grad_hook(_own(hook, made))


def _own(hook: Any, made: dict[int, Any]) -> Any:
    """A hook's copy: what an object of a class counts or keeps in it is its own."""
    try:
        return copy.deepcopy(hook, made)
    except Exception:  # noqa: BLE001  # what cannot be copied acts as it is
        return hook


def _refuse(subject: Subject) -> None:
    kinds = [kind for where, name in SPREAD if (kind := loaded(where, name)) is not None]
    held = [*subject.model.modules(), *subject.tensors.values()]
    for one in held:
        if isinstance(one, tuple(kinds)):
            raise UncopiedError(
                f"{type(one).__name__} is spread over processes, which would all have to step."
            )
    empty = [name for name, one in subject.tensors.items() if one.is_meta]
    if empty:
        raise UncopiedError(f'"{empty[0]}" is on the meta device and has no values.')
    if not subject.optimizers:
        raise UncopiedError("There is no optimizer that could step.")


def _memo(subject: Subject) -> dict[int, Any]:
    """What copies may share: an index never changes, and that of a large model takes long to copy."""
    plan = subject.plan
    return {} if plan is None else {id(plan.index): plan.index}


def _copied(what: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(what, memo)
    except Exception as error:
        raise UncopiedError(f"A copy of the model and its optimizers ended with {_told(error)}.") from error


def _complete(optimizer: Optimizer, copied: Optimizer, memo: dict[int, Any]) -> None:
    """Of a class's own attributes torch copies none, such as those of LBFGS; ours says what it needs."""
    if not isinstance(optimizer, OurOptimizer):
        for name, value in vars(optimizer).items():
            if name not in vars(copied) and name not in PATCHED:
                setattr(copied, name, _copied(value, memo))


def _carry(subject: Subject, memo: Mapping[int, Any]) -> None:
    """What a frozen parameter has left of a gradient is there at the first step too."""
    for group in subject.groups:
        for tensor in group.params:
            if not tensor.requires_grad and tensor.grad is not None:
                memo[id(tensor)].grad = tensor.grad.detach().clone()


def _members(
    subject: Subject, optimizers: Iterable[Optimizer], memo: Mapping[int, Any]
) -> Iterator[tuple[Group, Mapping[str, Any], tuple[Tensor, ...]]]:
    copied = dict(zip(map(id, subject.optimizers), optimizers, strict=True))
    for group in subject.groups:
        settings = copied[id(group.optimizer)].param_groups[group.number]
        yield group, settings, tuple(memo[id(tensor)] for tensor in group.params)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
