"""One pass over all tensors that have a gradient: laid out once, and run as long as nothing has changed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from paramgroups.errors import OptimizerError, listing, shown
from paramgroups.optim.algorithms import Algorithm, Family
from paramgroups.optim.backends import Batch, plan_chunks
from paramgroups.optim.backends.batch import Ints
from paramgroups.optim.columns import Columns
from paramgroups.optim.memory import STEP, Memory

Groups = Sequence[dict[str, Any]]
Backend = Callable[[Batch], None]


@dataclass(frozen=True)
class Found:
    """What a step finds: read anew each time, so that nothing of it can be stale.

    Attributes:
        params: All parameters of the optimizer.
        owners: The group of each.
        rules: The update rule of each group.
        chosen: The places of those that are stepped: they are trained, have a gradient, and a rate that is
            not 0.
        stepped: Those.
        grads: Their gradients.
        kinds: What those and their gradients are.
    """

    params: list[Tensor]
    owners: list[int]
    rules: list[Algorithm]
    chosen: list[int]
    stepped: list[Tensor] = field(repr=False)
    grads: list[Tensor] = field(repr=False)
    kinds: tuple[list[Any], ...]

    def is_as(self, other: "Found") -> bool:
        """Whether what was laid out for one serves the other: the same tensors, and of the same kind."""
        same = len(self.params) == len(other.params) and all(map(is_, self.params, other.params))
        return same and self.decides == other.decides

    @property
    def decides(self) -> tuple[Any, ...]:
        """All that a layout hangs on beside the tensors themselves."""
        return self.chosen, self.owners, self.rules, self.kinds


def look(groups: Groups, family: Family) -> Found:
    """What there is to step.

    Raises:
        OptimizerError: A gradient cannot be stepped.
    """
    params = [param for group in groups for param in group["params"]]
    owners = [number for number, group in enumerate(groups) for _ in group["params"]]
    awake = awake_of(groups)
    grads = [param.grad for param in params]
    chosen = [
        place
        for place, (param, grad, owner) in enumerate(zip(params, grads, owners, strict=True))
        if grad is not None and awake[owner] and param.requires_grad
    ]
    stepped, given = [params[place] for place in chosen], [grads[place] for place in chosen]
    rules = [family.of(group) for group in groups]
    return Found(params, owners, rules, chosen, stepped, given, kinds_of(stepped, given))


def awake_of(groups: Groups) -> list[bool]:
    """Whether each group has a rate that is not 0.

    Raises:
        OptimizerError: A rate is no number.
    """
    try:
        return [bool(group["lr"] != 0) for group in groups]
    except (KeyError, RuntimeError, ValueError) as error:  # no rate, or a tensor or array of many
        found = [shown(group.get("lr")) for group in groups]
        raise OptimizerError(f"lr={listing(found)}: each group needs one number, at least 0.") from error


def kinds_of(params: Sequence[Tensor], grads: Sequence[Tensor]) -> tuple[list[Any], ...]:
    """What decides how tensors are stepped."""
    both = [*params, *grads]
    try:
        return (
            [tensor.dtype for tensor in both],
            list(map(Tensor.numel, both)),
            list(map(Tensor.stride, both)),
            [tensor.device for tensor in both],
            list(map(Tensor.is_neg, grads)),
        )
    except RuntimeError:  # what is sparse has no strides
        for param, grad in zip(params, grads, strict=True):
            check_gradient(param, grad)
        raise


@dataclass
class Part:
    """The tensors that one launch steps.

    Attributes:
        batch: What is handed to the backend.
        columns: Fills its hyperparameters.
        places: Where its tensors stand among all that are stepped.
        backend: Who steps it.
        counters: Each tensor's count of steps: one tensor, of which the states hold views.
        kept: The states as the optimizer has them, one list for each of the rule's.
        strided: Whether the tensors are no plain runs of real numbers, and are stepped as copies.
    """

    batch: Batch
    columns: Columns
    places: list[int]
    backend: Backend
    counters: Tensor
    kept: dict[str, list[Any]]
    strided: bool

    def holds(self, params: Sequence[Tensor], memory: Memory) -> bool:
        """Whether the optimizer's states are still those that were laid out."""
        known = [memory.states.get(params[place], {}) for place in self.places]
        return all(
            all(map(is_, [state.get(key) for state in known], tensors)) for key, tensors in self.kept.items()
        )

    def run(self, found: Found, memory: Memory) -> None:
        """Step all of its tensors once."""
        batch, mine = self.batch, [found.stepped[place] for place in self.places]
        batch.params, batch.grads = mine, [found.grads[place] for place in self.places]
        if self.strided:
            batch.params, batch.grads = plain(batch.params), plain(batch.grads)
        self._fill_scalars(mine, memory)
        batch.steps[:] = self.counters.numpy()
        batch.steps += 1
        self.backend(batch)
        self.counters += 1
        self._advance(mine, memory)
        if self.strided:
            for param, stepped in zip(mine, batch.params, strict=True):
                param.copy_(torch.view_as_complex(stepped) if param.is_complex() else stepped)
        batch.params, batch.grads = [], []  # or gradients that are set to None would live on here

    def _fill_scalars(self, params: Sequence[Tensor], memory: Memory) -> None:
        rule = self.batch.algorithm
        for column, key in enumerate(rule.scalars, len(rule.hypers) - len(rule.scalars)):
            self.batch.hypers[:, column] = [float(memory.states[param].get(key, 1.0)) for param in params]

    def _advance(self, params: Sequence[Tensor], memory: Memory) -> None:
        rule, batch = self.batch.algorithm, self.batch
        if rule.advance is None:
            return
        for param, step, hypers in zip(params, batch.steps.tolist(), batch.hypers.tolist(), strict=True):
            after = rule.advance(step, *hypers)
            memory.states[param] |= {
                key: torch.tensor(to) for key, to in zip(rule.scalars, after, strict=True)
            }


@dataclass
class Pass:
    """All parts of a step, and what they were laid out for."""

    found: Found
    parts: list[Part]

    def fits(self, found: Found, memory: Memory) -> bool:
        """Whether it may run again: the same tensors, as large and of the same kind as they were."""
        return self.found.is_as(found) and all(part.holds(found.stepped, memory) for part in self.parts)

    def run(self, found: Found, groups: Groups, memory: Memory) -> None:
        """Step all tensors once.

        Raises:
            OptimizerError: A setting is out of its domain. Nothing is written then.
        """
        for part in self.parts:
            part.columns.fill(groups)
        for part in self.parts:
            part.run(found, memory)


class Kind(NamedTuple):
    """What tensors have in common that one launch steps."""

    rule: Algorithm
    device: str
    dtype: torch.dtype
    grad_dtype: torch.dtype
    strided: bool
    backend: Backend


def lay_out(found: Found, groups: Groups, memory: Memory, backend_of: Callable[[Tensor], Backend]) -> Pass:
    """Sort the tensors that are stepped into launches.

    Raises:
        OptimizerError: A gradient, a state or a setting cannot be stepped. No state is made then.
    """
    kinds: dict[Kind, list[int]] = {}
    for place, (param, grad) in enumerate(zip(found.stepped, found.grads, strict=True)):
        check_gradient(param, grad)
        rule = found.rules[found.owners[found.chosen[place]]]
        memory.check(param, rule)
        kind = Kind(
            rule, str(param.device), param.dtype, grad.dtype, is_strided(param, grad), backend_of(param)
        )
        kinds.setdefault(kind, []).append(place)
    drafts = [(kind, places, _columns(kind.rule, found, places)) for kind, places in kinds.items()]
    for _, _, columns in drafts:
        columns.fill(groups)
    parts = [_part(kind, places, columns, found, groups, memory) for kind, places, columns in drafts]
    return Pass(replace(found, grads=[]), parts)


def _owners(found: Found, places: Iterable[int]) -> list[int]:
    return [found.owners[found.chosen[place]] for place in places]


def _columns(rule: Algorithm, found: Found, places: Sequence[int]) -> Columns:
    return Columns(rule.hypers, np.array(_owners(found, places), np.int64), rule.scalars)


def _part(  # noqa: PLR0913, PLR0917  # a part is all of these
    kind: Kind, places: list[int], columns: Columns, found: Found, groups: Groups, memory: Memory
) -> Part:
    rule, params = kind.rule, [found.stepped[place] for place in places]
    steps = np.array([memory.steps_of(param, rule) for param in params], np.float64)
    known = [
        memory.of(param, rule, groups[owner])
        for param, owner in zip(params, _owners(found, places), strict=True)
    ]
    states = [list(row) for row in zip(*known, strict=True)]
    counters = torch.tensor(steps, dtype=torch.float32)
    kept: dict[str, list[Any]] = dict(zip(rule.states, states, strict=True))
    if memory.counted:
        kept[STEP] = list(counters)
        for param, view in zip(params, kept[STEP], strict=True):
            memory.states[param][STEP] = view
    counts = np.array([_numel(param) for param in params], np.int64)
    batch = _batch(rule, columns, steps, counts, [plain(row) for row in states])
    return Part(batch, columns, places, kind.backend, counters, kept, kind.strided)


def _batch(rule: Algorithm, columns: Columns, steps: Any, counts: Ints, states: list[list[Tensor]]) -> Batch:
    return Batch(
        algorithm=rule,
        params=[],
        grads=[],
        states=states,
        starts=np.zeros(len(counts), np.int64),
        counts=counts,
        tensor_of=np.arange(len(counts), dtype=np.int64),
        hypers=columns.table,
        steps=steps,
        chunks=plan_chunks(counts),
    )


def _numel(tensor: Tensor) -> int:
    return tensor.numel() * (2 if tensor.is_complex() else 1)


def is_strided(param: Tensor, grad: Tensor) -> bool:
    """Whether these are no plain runs of real numbers."""
    return param.is_complex() or grad.is_neg() or not (param.is_contiguous() and grad.is_contiguous())


def plain(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Tensors as plain runs of real numbers: views where they are, else copies."""
    resolved = (tensor.resolve_conj().resolve_neg() for tensor in tensors)
    return [
        (torch.view_as_real(tensor) if tensor.is_complex() else tensor).contiguous() for tensor in resolved
    ]


def check_gradient(param: Tensor, grad: Tensor) -> None:
    """Refuse a gradient that no rule can be applied with.

    Raises:
        OptimizerError: It is sparse, complex where its parameter is not, or of another shape or device.
    """
    if grad.layout is not torch.strided or param.layout is not torch.strided:
        layouts = (
            f"a {param.layout} parameter"
            if param.layout is not torch.strided
            else f"a {grad.layout} gradient"
        )
        raise OptimizerError(
            f"A parameter of shape {tuple(param.shape)}: {layouts}, and a pass steps dense ones. "
            "Make the layer without sparse=True, or give its group to torch.optim.SparseAdam."
        )
    if (grad.shape, grad.device, grad.is_complex()) != (param.shape, param.device, param.is_complex()):
        raise OptimizerError(
            f"A {param.dtype} parameter of shape {tuple(param.shape)} on {param.device} has a {grad.dtype} "
            f"gradient of shape {tuple(grad.shape)} on {grad.device}: it was replaced since. "
            "Set its grad to None first."
        )
