"""Who is in which group: forgotten, frozen, replaced, foreign and doubled parameters."""

from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.parameter import UninitializedParameter

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.looks.samples import sampled
from paramgroups.auditing.subject import Check, Group, Subject
from paramgroups.errors import Finding, counted, listing

FORGOTTEN = Kind(
    "PG101", "error", "trainable parameters in no group",
    "Backward computes gradients for them, and no step ever moves them.",
)  # fmt: skip
FROZEN = Kind(
    "PG102", "advice", "frozen parameters in a group",
    "They are passed over. It is well where they are thawed later, and misleading where they are not.",
)  # fmt: skip
REPLACED = Kind(
    "PG103", "error", "tensors that the model has replaced",
    "The optimizer steps tensors that the model no longer computes with, so what it learns is lost.",
)  # fmt: skip
FOREIGN = Kind(
    "PG104", "warning", "tensors that the model does not have",
    "Whether they are trained as they should be cannot be seen from this model.",
)  # fmt: skip
DOUBLED = Kind(
    "PG105", "error", "one parameter more than once",
    "It is stepped, decayed and clipped as often as it stands there.",
)  # fmt: skip
EMPTY = Kind(
    "PG106", "warning", "a group without parameters",
    "Something was meant to be in it: a generator that was used up, or a pattern that matches nothing. Some "
    "hosts drop such a group, and schedulers then count other groups than there are.",
)  # fmt: skip
SHARED = Kind(
    "PG107", "error", "parameters that share memory without being one",
    "Each has a gradient and a state of its own, and both write the same numbers.",
)  # fmt: skip
NOTHING = Kind("PG108", "error", "nothing to train", "No group holds a parameter that requires a gradient.")


class Exchanged(NamedTuple):
    """Tensors in the groups that the model does not have, beside parameters that no group has.

    Attributes:
        lost: The parameters in whose place they stand, so that these are not trained.
        mastered: The parameters of half precision that they are the float32 masters of.
        extra: Those that stand for no parameter, each with its group and label.
    """

    lost: list[str]
    mastered: list[str]
    extra: list[tuple[Group, str]]


def apart(subject: Subject) -> Iterator[Finding]:
    """Parameters of the model that no group holds, and tensors in groups that the model does not have."""
    found = _exchanged(subject)
    for look in (_forgotten, _replaced, _extra):
        yield from look(subject, found)


def _forgotten(subject: Subject, found: Exchanged) -> Iterator[Finding]:
    """Trainable parameters of the model that no group holds."""
    stood_for = {*found.lost, *found.mastered}
    names = [name for name in _in_no_group(subject) if name not in stood_for]
    if names:
        total = sum(tensor.requires_grad for tensor in subject.tensors.values())
        are = "is" if len(names) == 1 else "are"
        message = f"{len(names):,} of {total:,} trainable parameters {are} in no group: {listing(names)}."
        fix = (
            "Hand them over, optimizer.add_param_group({'params': [...]}) before the scheduler is built, or "
            "freeze them: parameter.requires_grad_(False). A filter by requires_grad leaves out what is "
            "thawed later."
        )
        yield FORGOTTEN.finding(message, fix, names)


def frozen(subject: Subject) -> Iterator[Finding]:
    """Parameters in groups that require no gradient."""
    if subject.plan is not None:
        return
    names = _distinct(row.name for _, row, tensor in subject.members if not tensor.requires_grad)
    if names:
        message = f"{counted(len(names), 'parameter')} in groups with requires_grad=False: {listing(names)}."
        fix = "Leave out what is never thawed: [p for p in model.parameters() if p.requires_grad]."
        yield FROZEN.finding(message, fix, names)


def _replaced(_: Subject, found: Exchanged) -> Iterator[Finding]:
    """Tensors in groups that stood in the model before it was changed."""
    if names := found.lost:
        message = (
            f"The groups hold {counted(len(names), 'tensor')} of the shapes of {listing(names)}, but not "
            "those that the model has now: it was changed after the optimizer was built, or is another one."
        )
        fix = (
            "Build the optimizer last: after a new head, LoRA, fully_shard, to_empty, "
            "load_state_dict(assign=True) or a copy."
        )
        yield REPLACED.finding(message, fix, names)


def _extra(_: Subject, found: Exchanged) -> Iterator[Finding]:
    """Tensors in groups that the model does not have."""
    if extra := found.extra:
        where = Counter(group.label for group, _ in extra)
        are = "is" if len(extra) == 1 else "are"
        message = f"{counted(len(extra), 'tensor')} in the groups {are} not the model's: {_places(where)}."
        fix = (
            "Audit all that is trained together: pg.audit(nn.ModuleList([model, criterion]), optimizer). "
            "Where the model had them once, as before a merge of LoRA, build the optimizer anew."
        )
        yield FOREIGN.finding(message, fix, [label for _, label in extra])


def doubled(subject: Subject) -> Iterator[Finding]:
    """Parameters that stand in the groups more than once."""
    counts = Counter(id(tensor) for group in subject.groups for tensor in group.params)
    if len(counts) == sum(counts.values()):
        return
    found: dict[str, list[str]] = {}
    for group in subject.groups:
        for name, tensor in zip(group.names, group.params, strict=True):
            if counts[id(tensor)] > 1:
                found.setdefault(name, []).append(group.label)
    first = next(iter(found))
    message = (
        f"{counted(len(found), 'parameter')} in the groups more than once: {listing(found)}. "
        f'"{first}" is in {" and ".join(dict.fromkeys(found[first]))}, {len(found[first])} times.'
    )
    fix = "Give each one place: collect by identity, dict.fromkeys(parameters), and subtract what has one."
    yield DOUBLED.finding(message, fix, found)


def empty(subject: Subject) -> Iterator[Finding]:
    """Groups that hold nothing."""
    labels = [group.label for group in subject.groups if not group.params]
    if labels:
        where = listing(labels)
        verb = "holds" if len(labels) == 1 else "hold"
        message = f"{where[0].upper()}{where[1:]} {verb} no parameters."
        if tied := next((row for row in subject.index if row.aliases), None):
            message += f' Tied weights have one name: "{tied.aliases[0]}" is "{tied.name}".'
        fix = "Leave it out, or look what its filter asks for; a generator can be used once: list(...)."
        yield EMPTY.finding(message, fix)


def shared(subject: Subject) -> Iterator[Finding]:
    """Distinct parameters at one address."""
    at: dict[tuple[object, int], list[str]] = {}
    for _, row, tensor in subject.trained:
        if (address := _address(tensor)) is not None:
            at.setdefault(address, []).append(row.name)
    for names in map(_distinct, at.values()):
        if len(names) > 1:
            message = f"{listing(names)} are {len(names)} parameters over the same memory."
            fix = f"Tie the parameter, not its data: {names[1]} = {names[0]}, before the optimizer is built."
            yield SHARED.finding(message, fix, names)


def nothing(subject: Subject) -> Iterator[Finding]:
    """Groups in which nothing requires a gradient."""
    tensors = list(chain.from_iterable(group.params for group in subject.groups))
    if subject.optimizers and subject.plan is None and not any(one.requires_grad for one in tensors):
        message = f"None of the {len(tensors):,} parameters in the groups requires a gradient."
        fix = "Set requires_grad_(True) on what is to learn, or hand the optimizer other parameters."
        yield NOTHING.finding(message, fix)


def _in_no_group(subject: Subject) -> list[str]:
    held = subject.held
    if not subject.optimizers:
        return []
    return [name for name, one in subject.tensors.items() if one.requires_grad and id(one) not in held]


def _exchanged(subject: Subject) -> Exchanged:
    """The foreign tensors in the groups beside the forgotten parameters of their shapes."""
    missing: dict[tuple[int, ...], deque[str]] = {}
    if foreign := _foreign(subject):
        for name in _in_no_group(subject):
            missing.setdefault(_shape(subject.tensors[name]), deque()).append(name)
    lost, mastered, extra = set(), [], []
    for group, label, tensor in foreign:
        if not (names := missing.get(_shape(tensor))):
            extra.append((group, label))
        elif _is_master(tensor, subject.tensors[names[0]]):
            mastered.append(names.popleft())
        else:
            lost.add(names.popleft())
    return Exchanged([name for name in subject.tensors if name in lost], mastered, extra)


def _is_master(tensor: Tensor, parameter: Tensor) -> bool:
    """Whether a tensor holds in float32 what a parameter of half precision rounds."""
    if tensor.dtype is not torch.float32 or parameter.dtype not in (torch.float16, torch.bfloat16):
        return False
    kept, rounded = sampled(tensor), sampled(parameter)
    return kept is not None and rounded is not None and torch.equal(kept.to(parameter.dtype).float(), rounded)


def _foreign(subject: Subject) -> list[tuple[Group, str, Tensor]]:
    strangers = subject.held.difference(subject.names)
    if not strangers:
        return []
    found = {
        id(tensor): (group, label, tensor)
        for group in subject.groups
        for label, tensor in zip(group.names, group.params, strict=True)
        if id(tensor) in strangers
    }
    return list(found.values())


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return () if isinstance(tensor, UninitializedParameter) else tuple(tensor.shape)


def _address(tensor: Tensor) -> tuple[object, int] | None:
    """Where a plain tensor lies; None where it lies nowhere, or where another class tells."""
    if tensor.is_meta or tensor.layout is not torch.strided or not tensor.numel():
        return None
    try:
        place = tensor.data_ptr()
    except RuntimeError:  # a subclass that wraps others has no memory of its own
        return None
    return (tensor.device, place) if place else None


def _places(counts: Counter[str]) -> str:
    return listing(f"{count} in {label}" for label, count in counts.items())


def _distinct(names: Iterator[str] | list[str]) -> list[str]:
    return list(dict.fromkeys(names))


KINDS = (FORGOTTEN, FROZEN, REPLACED, FOREIGN, DOUBLED, EMPTY, SHARED, NOTHING)
CHECKS: tuple[Check, ...] = (
    apart,
    frozen,
    doubled,
    empty,
    shared,
    nothing,
)
