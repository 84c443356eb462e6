"""What steps that are tried leave as it was: random numbers, modes, and the user's own tensors."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from paramgroups.auditing.timing.functions import reach
from paramgroups.auditing.trials.precision import precision_kept

AUTOCASTING = ("cpu", "cuda")
"""Devices whose mixed precision a loss may switch on and leave on."""
CUDNN = ("enabled", "benchmark", "deterministic")


class Kept(NamedTuple):
    """Something that a loss may change, as it was, and how it is put back."""

    put: Callable[[Any], Any]
    value: Any


@contextmanager
def undisturbed(model: nn.Module, loss: Any = None) -> Iterator[None]:
    """Whatever is done within, the process and the model are afterwards what they were.

    Each thing is put back by itself: one that cannot be holds up no other, and is told by its error.
    Gradients can be computed within, though it may be entered where they are off.

    Args:
        model: The model.
        loss: A function that is called within, whose own generators of random numbers are kept too.
    """
    with ExitStack() as stack:
        for put in reversed(precision_kept()):
            stack.callback(put)
        for one in (*_random(), *_modes(), *_autocasting(), *_generators(loss)):
            stack.callback(one.put, one.value)
        for module in model.modules():
            stack.callback(setattr, module, "training", module.training)
        for buffer in model.buffers():
            if not buffer.is_meta:
                stack.callback(_put_back, buffer, buffer.detach().clone(), _version(buffer))
        with torch.inference_mode(mode=False), torch.enable_grad():
            yield


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
    anomaly = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
    yield Kept(lambda pair: torch.autograd.set_detect_anomaly(*pair), anomaly)
    yield Kept(torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode())
    for name in CUDNN:
        yield Kept(_setting(torch.backends.cudnn, name), getattr(torch.backends.cudnn, name))


def _autocasting() -> Iterator[Kept]:
    yield Kept(torch.set_autocast_cache_enabled, torch.is_autocast_cache_enabled())
    for device in AUTOCASTING:
        yield Kept(_for_device(torch.set_autocast_enabled, device), torch.is_autocast_enabled(device))
        yield Kept(_for_device(torch.set_autocast_dtype, device), torch.get_autocast_dtype(device))


def _setting(of: object, name: str) -> Callable[[Any], None]:
    return lambda value: setattr(of, name, value)


def _for_device(put: Callable[[str, Any], Any], device: str) -> Callable[[Any], Any]:
    return lambda value: put(device, value)


def _version(buffer: Tensor) -> int | None:
    """How often it was written; None where torch does not count."""
    return None if buffer.is_inference() else buffer._version  # noqa: SLF001  # torch has no other way to ask


def _put_back(buffer: Tensor, before: Tensor, version: int | None) -> None:
    """Write a buffer only where it changed: a graph that is not yet gone back through may hold it."""
    if _changed(buffer, before, version):
        with torch.inference_mode(mode=buffer.is_inference()), torch.no_grad():
            buffer.copy_(before)


def _changed(buffer: Tensor, before: Tensor, version: int | None) -> bool:
    try:
        return not torch.equal(buffer, before)
    except RuntimeError:  # sparse ones cannot be compared
        return _version(buffer) != version
