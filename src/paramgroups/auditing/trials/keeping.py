"""What steps that are tried leave as it was: random numbers, modes, and the user's own tensors."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from paramgroups.auditing.timing.functions import reach

AUTOCASTING = ("cpu", "cuda")
"""Devices whose mixed precision a loss may switch on and leave on."""
CUDNN = ("enabled", "benchmark", "deterministic", "allow_tf32")


class Kept(NamedTuple):
    """Something that a loss may change, as it was, and how it is put back."""

    put: Callable[[Any], Any]
    value: Any


@contextmanager
def undisturbed(model: nn.Module, loss: Any = None) -> Iterator[None]:
    """Whatever is done within, the process and the model are afterwards what they were.

    Gradients can be computed within, though it may be entered where they are off.

    Args:
        model: The model.
        loss: A function that is called within, whose own generators of random numbers are kept too.
    """
    kept = [*_random(), *_modes(), *_precision(), *_generators(loss)]
    flags = [(module, module.training) for module in model.modules()]
    buffers = [(one, one.detach().clone()) for one in model.buffers() if not one.is_meta]
    try:
        with torch.inference_mode(mode=False), torch.enable_grad():
            yield
    finally:
        for one in kept:
            one.put(one.value)
        for module, training in flags:
            module.training = training
        _put_back(buffers)


@contextmanager
def shielded(tensors: Iterable[Tensor]) -> Iterator[None]:
    """These have no gradients within, and afterwards the ones that they had."""
    held = [(one, one.grad) for one in tensors if one.is_leaf]
    try:
        for one, _ in held:
            one.grad = None
        yield
    finally:
        for one, grad in held:
            one.grad = grad


def leaves_of(loss: Tensor) -> list[Tensor]:
    """The tensors to which a loss would give gradients."""
    todo, seen, found = [loss.grad_fn], set[Any](), []
    while todo:
        node: Any = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (tensor := getattr(node, "variable", None)) is not None:
            found.append(tensor)
        todo += [before for before, _ in node.next_functions]
    return found


def _random() -> Iterator[Kept]:
    yield Kept(random.setstate, random.getstate())
    yield Kept(np.random.set_state, np.random.get_state())  # noqa: NPY002  # what users draw from is kept
    yield Kept(torch.set_rng_state, torch.get_rng_state())
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        yield Kept(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
    if torch.backends.mps.is_available():
        yield Kept(torch.mps.set_rng_state, torch.mps.get_rng_state())


def _generators(function: Any) -> Iterator[Kept]:
    """The generators that a function draws from by a name of its own."""
    for _, one in reach(function).values:
        if isinstance(one, torch.Generator):
            yield Kept(one.set_state, one.get_state())
        elif isinstance(one, random.Random):
            yield Kept(one.setstate, one.getstate())
        elif isinstance(one, np.random.Generator):
            yield Kept(_setting(one.bit_generator, "state"), one.bit_generator.state)


def _modes() -> Iterator[Kept]:
    yield Kept(torch.set_grad_enabled, torch.is_grad_enabled())
    yield Kept(torch.set_default_dtype, torch.get_default_dtype())
    yield Kept(torch.autograd.set_detect_anomaly, torch.is_anomaly_enabled())
    yield Kept(torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode())
    for name in CUDNN:
        yield Kept(_setting(torch.backends.cudnn, name), getattr(torch.backends.cudnn, name))


def _precision() -> Iterator[Kept]:
    yield Kept(torch.set_autocast_cache_enabled, torch.is_autocast_cache_enabled())
    for device in AUTOCASTING:
        yield Kept(_for_device(torch.set_autocast_enabled, device), torch.is_autocast_enabled(device))
        yield Kept(_for_device(torch.set_autocast_dtype, device), torch.get_autocast_dtype(device))


def _setting(of: object, name: str) -> Callable[[Any], None]:
    return lambda value: setattr(of, name, value)


def _for_device(put: Callable[[str, Any], Any], device: str) -> Callable[[Any], Any]:
    return lambda value: put(device, value)


def _put_back(buffers: Sequence[tuple[Tensor, Tensor]]) -> None:
    with torch.no_grad():
        for buffer, before in buffers:
            if not torch.equal(buffer, before):
                buffer.copy_(before)
