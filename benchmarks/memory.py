"""What a training step keeps in memory, in bytes: counted, as the system's peak tells too little on a CPU."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


def sizes_of(tensors: Iterable[Any]) -> dict[int, int]:
    """The bytes of each storage that some tensors lie in, by its address."""
    storages = (tensor.untyped_storage() for tensor in tensors if isinstance(tensor, Tensor))
    return {storage.data_ptr(): storage.nbytes() for storage in storages}


def saved_by(model: nn.Module, loss: Callable[[], Tensor]) -> int:
    """The bytes that autograd saves for backward; the model's own tensors are there anyhow.

    Args:
        model: The model.
        loss: What is computed; backward follows, so that gradients are there.
    """
    own = sizes_of([*model.parameters(), *model.buffers()])
    saved: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        found = loss()
    total = sum(size for place, size in sizes_of(saved).items() if place not in own)
    found.backward()
    return total


def gradients_of(model: nn.Module) -> int:
    """The bytes of all gradients."""
    return sum(sizes_of(param.grad for param in model.parameters()).values())


def state_of(optimizer: torch.optim.Optimizer) -> int:
    """The bytes of what an optimizer remembers."""
    return sum(sizes_of(one for state in optimizer.state.values() for one in state.values()).values())
