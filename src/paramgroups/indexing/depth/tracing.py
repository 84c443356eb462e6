"""The order in which the modules of a model run, traced on one example."""

import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from paramgroups.errors import ModelError


def calls(model: nn.Module, example: Any) -> dict[int, int]:
    """When each module (by its id) was first run, counted from 0, in one forward pass on the example.

    The pass runs in the model's current mode, without gradients and uncompiled. Buffers (the statistics of
    batch norm, the vectors of a spectral norm) and all random generators end as they were.

    Args:
        model: Any module with real values, or on `meta` with an example on `meta`.
        example: An input: a tensor, a tuple of arguments, or a mapping of keyword arguments.

    Raises:
        ModelError: The model does not run on it.
    """
    order: dict[int, int] = {}

    def note(module: nn.Module, _: Any) -> None:
        order.setdefault(id(module), len(order))

    arguments, keywords = _call(example)
    with ExitStack() as stack:
        for held in (torch.no_grad(), _uncompiled(), _kept_buffers(model), _kept_generators(model)):
            stack.enter_context(held)
        for module in model.modules():
            stack.callback(module.register_forward_pre_hook(note).remove)
        try:
            model(*arguments, **keywords)
        except Exception as error:
            raise ModelError(
                f"The model does not run on the example: {type(error).__name__}: {error}. "
                "Give a tensor, a tuple of arguments or a dict of keyword arguments that it takes."
            ) from error
    return order


def _call(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(example, Mapping):
        return (), dict(example)
    return (tuple(example) if isinstance(example, tuple | list) else (example,)), {}


@contextmanager
def _uncompiled() -> Iterator[None]:
    # A compiled module would run whole graphs, of which hooks see nothing.
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def _kept_buffers(model: nn.Module) -> Iterator[None]:
    held = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False, remove_duplicate=False)
    ]
    try:
        yield
    finally:
        for module, name, buffer, before in held:
            with torch.no_grad():
                buffer.copy_(before)
            if getattr(module, name) is not buffer:
                setattr(module, name, buffer)


@contextmanager
def _kept_generators(model: nn.Module) -> Iterator[None]:
    devices = {one.device for one in model.parameters() if one.device.type not in ("cpu", "meta")}
    by_type = {
        device.type: [one.index or 0 for one in devices if one.type == device.type] for device in devices
    }
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the global generator is the one to keep
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[]))
        for kind, indices in by_type.items():
            stack.enter_context(torch.random.fork_rng(devices=indices, device_type=kind))
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002 - as above
