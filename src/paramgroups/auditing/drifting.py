"""Statistics that modules keep of what they see, in parts of a model that are frozen."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

PARAMETRIZED = "parametrizations"


def frozen_statistics(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The buffers of modules all whose parameters are frozen, each with the module's path.

    A module without parameters is as frozen as what is around it. Counters and sparse tables are left out,
    and what a parametrization keeps, such as a spectral norm: that follows the weights, not the batches.
    """
    for path, module in model.named_modules():
        held = [
            one
            for one in module.buffers(recurse=False)
            if one.is_floating_point() and one.layout is torch.strided
        ]
        if held and PARAMETRIZED not in path.split(".") and _is_frozen(model, path):
            yield from ((path, one) for one in held)


def copied_statistics(model: nn.Module) -> list[tuple[str, Tensor, Tensor]]:
    """These, each with a copy."""
    return [(path, one, one.detach().clone()) for path, one in frozen_statistics(model)]


def moved_statistics(copied: list[tuple[str, Tensor, Tensor]]) -> Iterator[str]:
    """The paths of those that are no longer what they were."""
    return (path for path, one, was in copied if not torch.equal(one, was))


def around(model: nn.Module, path: str) -> list[nn.Parameter]:
    """A module's own parameters; where it has none, those of the nearest module above that has some."""
    found = list(model.get_submodule(path).parameters(recurse=False))
    while path and not found:
        path = path.rpartition(".")[0]
        found = list(model.get_submodule(path).parameters())
    return found


def _is_frozen(model: nn.Module, path: str) -> bool:
    parts = around(model, path)
    return bool(parts) and not any(one.requires_grad for one in parts)
