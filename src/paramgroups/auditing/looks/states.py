"""What optimizers remember of parameters: its shape, its names, its device, and what it is of."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.memories import misshapen, shapes_of
from paramgroups.auditing.subject import Check, Group, Subject
from paramgroups.errors import Finding, counted, listing
from paramgroups.indexing import named_parameters

MISSHAPEN = Kind(
    "PG170", "error", "state that does not have its parameter's shape",
    "It is the memory of another parameter, or of this one when it was another size. Torch loads it all the "
    "same, and the step broadcasts it or fails.",
)  # fmt: skip
MISNAMED = Kind(
    "PG171", "error", "param_names that name other parameters",
    "A state that was saved in another order was loaded by position: rates and moments went to parameters "
    "that they are not of, and what goes by names from here on goes wrong.",
)  # fmt: skip
ELSEWHERE = Kind(
    "PG172", "warning", "state on another device than its parameter",
    "The model was moved after the optimizer had stepped or loaded: the next step fails.",
)  # fmt: skip
ORPHANED = Kind(
    "PG173", "advice", "state of tensors that are in no group",
    "It takes memory, is never used again, and stands in the way when the state is saved.",
)  # fmt: skip


def state_shapes(subject: Subject) -> Iterator[Finding]:
    """State whose shape is not its parameter's."""
    shapes = shapes_of(subject.tensors.values())
    odd: dict[str, str] = {}
    for group, name, tensor, state in _remembered(subject):
        for key, found in misshapen(state, tensor, type(group.optimizer), shapes):
            odd.setdefault(name, f"{name} {tuple(tensor.shape)} has {key} {found}")
    if odd:
        message = f"State of {counted(len(odd), 'parameter')} is not of their shape: {listing(odd.values())}."
        fix = (
            "Load what was saved of these parameters in this order, or begin anew: optimizer.state.pop(p). "
            "pg.load goes by names and shapes."
        )
        yield MISSHAPEN.finding(message, fix, odd)


def state_names(subject: Subject) -> Iterator[Finding]:
    """Names in groups that are those of other parameters."""
    known: dict[str, int] = {}
    wrong: dict[str, str] = {}
    for group in subject.groups:
        told = group.settings.get("param_names")
        if not isinstance(told, (list, tuple)) or len(told) != len(group.params):
            continue
        for said, name, tensor in zip(told, group.names, group.params, strict=True):
            if said == name or not isinstance(said, str):
                continue
            known = known or _all_names(subject)
            if _is_anothers(said, name, tensor, subject, known):
                wrong[name] = f'"{said}" stands for {name}'
    if wrong:
        message = (
            f"param_names name other parameters in {counted(len(wrong), 'place')}: {listing(wrong.values())}."
        )
        fix = (
            "Make the optimizer anew of model.named_parameters(), in groups as they were when the state was "
            "saved, and load again; pg.load goes by names."
        )
        yield MISNAMED.finding(message, fix, wrong)


def state_devices(subject: Subject) -> Iterator[Finding]:
    """State that lies on another device than its parameter."""
    odd: dict[str, str] = {}
    for _, name, tensor, state in _remembered(subject):
        for key, value in state.items():
            if isinstance(value, Tensor) and value.device != tensor.device and _has_to_follow(value, tensor):
                odd.setdefault(name, f"{name} on {tensor.device}, its {key} on {value.device}")
    if odd:
        message = f"State of {counted(len(odd), 'parameter')} is on another device: {listing(odd.values())}."
        fix = "Move the model first, then make the optimizer and load its state, which goes along."
        yield ELSEWHERE.finding(message, fix, odd)


def state_owners(subject: Subject) -> Iterator[Finding]:
    """State of what no group holds any more."""
    names = subject.names
    for optimizer in subject.optimizers:
        held = {id(one) for group in subject.groups if group.optimizer is optimizer for one in group.params}
        left = [
            key
            for key, state in optimizer.state.items()
            if isinstance(key, Tensor) and id(key) not in held and isinstance(state, Mapping) and state
        ]
        if left:
            told = [names[id(one)] for one in left if id(one) in names]
            shapes = Counter(str(tuple(one.shape)) for one in left if id(one) not in names)
            rest = [f"{count} of shape {shape}" for shape, count in shapes.items()]
            what = counted(len(left), "tensor")
            message = f"State is kept of {what} that no group holds: {listing([*told, *rest])}."
            fix = (
                'Let it go: held = {p for g in optimizer.param_groups for p in g["params"]}; for p in '
                "[p for p in optimizer.state if p not in held]: del optimizer.state[p]."
            )
            yield ORPHANED.finding(message, fix, told)


def _remembered(subject: Subject) -> Iterator[tuple[Group, str, Tensor, dict[str, Any]]]:
    """Each member of a group of which something is remembered; reading makes no entry."""
    for group in subject.groups:
        known = group.optimizer.state
        for name, tensor in zip(group.names, group.params, strict=True) if known else ():
            if isinstance(state := known.get(tensor), dict) and state:
                yield group, name, tensor, state


def _has_to_follow(value: Tensor, tensor: Tensor) -> bool:
    """Whether it has to lie where its parameter does: not a count, nor what was put elsewhere on purpose."""
    if value.shape != tensor.shape or value.numel() == 1 or getattr(value, "is_paged", False):
        return False
    return value.is_meta or not value.is_pinned()


def _all_names(subject: Subject) -> dict[str, int]:
    """Every name of every parameter, as we spell it and as torch does."""
    found = {name: id(tensor) for name, tensor in subject.model.named_parameters(remove_duplicate=False)}
    return {**found, **{name: id(tensor) for name, tensor in named_parameters(subject.model)}}


def _is_anothers(said: str, name: str, tensor: Tensor, subject: Subject, known: dict[str, int]) -> bool:
    """Whether a name is that of another parameter, and not this one's as seen from within a part."""
    if id(tensor) not in subject.names or known.get(said, id(tensor)) == id(tensor):
        return False
    return not any(own.endswith(f".{said}") for own in subject.row(name).names)


KINDS = (MISSHAPEN, MISNAMED, ELSEWHERE, ORPHANED)
CHECKS: tuple[Check, ...] = (state_shapes, state_names, state_devices, state_owners)
