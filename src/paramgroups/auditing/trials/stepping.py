"""One real step on copies, and what it did to each parameter."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from paramgroups.auditing.measures import norm_of
from paramgroups.auditing.steppers import searches
from paramgroups.auditing.subject import Group, number
from paramgroups.auditing.trials.copying import Copies
from paramgroups.auditing.trials.keeping import leaves_of, shielded
from paramgroups.auditing.trials.trial import Tried


class Seat(NamedTuple):
    """A copy of a parameter, where it stands, and what becomes of it."""

    name: str
    tensor: Tensor
    group: Group
    settings: Mapping[str, Any]
    tried: Tried


def take_step(copies: Copies, seats: Sequence[Seat], evaluate: Callable[[nn.Module], Tensor]) -> float:
    """Compute gradients, step all optimizers and those schedulers that go with them; the loss before it."""

    def closure() -> Any:
        _clear(copies)
        return _backward(copies, evaluate)

    loss = float(_backward(copies, evaluate).detach())
    before = [(seat.tensor.detach().clone(), _share(seat)) for seat in seats]
    for seat in seats:
        _note_gradient(seat)
    for optimizer in copies.optimizers:
        optimizer.step(closure) if searches(optimizer) else optimizer.step()
    for seat, (was, share) in zip(seats, before, strict=True):
        _note_update(seat, was, share)
    for scheduler in copies.schedulers:
        with suppress(Exception):  # one that has ended stands still; that it has is told by its course
            scheduler.step()
    _clear(copies)
    return loss


def note_rows(noted: Tensor | None, found: Tensor) -> Tensor:
    """The rows in which a tensor is not 0, and those that were noted before."""
    plain = (found.to_dense() if found.layout is not torch.strided else found).detach()
    rows = plain.reshape(len(plain) if plain.ndim else 1, -1).ne(0).any(dim=1)
    return rows if noted is None else noted | rows


def _backward(copies: Copies, evaluate: Callable[[nn.Module], Tensor]) -> Tensor:
    """Gradients of what is copied; what else the loss is of, such as a criterion, keeps its own."""
    loss = evaluate(copies.model)
    copied = set(map(id, copies.made.values()))
    with shielded([one for one in leaves_of(loss) if id(one) not in copied]):
        loss.backward()
    return loss


def _clear(copies: Copies) -> None:
    for tensor in copies.tensors.values():
        tensor.grad = None
    for optimizer in copies.optimizers:
        optimizer.zero_grad()


def _share(seat: Seat) -> float | None:
    """The rate of its group now, as a part of the one that was asked for."""
    now, base = number(seat.settings.get("lr")), seat.group.base
    if now is None:
        return None
    if now == 0:
        return 0.0
    return now / base if base else None


def _note_gradient(seat: Seat) -> None:
    gradient, tried = seat.tensor.grad, seat.tried
    tried.lives.append(seat.tensor.requires_grad)
    tried.gradients.append(None if gradient is None else _largest(gradient))
    if gradient is not None and tried.raw is not None:
        tried.left = note_rows(tried.left, gradient)


def _note_update(seat: Seat, before: Tensor, share: float | None) -> None:
    tried, now = seat.tried, seat.tensor.detach()
    tried.updates.append(norm_of(now - before))
    tried.weights.append(norm_of(before))
    tried.shares.append(share)
    if tried.raw is not None:
        tried.rows = note_rows(tried.rows, now != before)


def _largest(gradient: Tensor) -> float:
    """The largest number of a gradient; NaN where one is."""
    found = gradient.detach()
    if found.layout is not torch.strided:
        found = found.coalesce().values()
    return float(found.abs().max()) if found.numel() else 0.0
