"""Statistics of the values of a model's parameters."""

from collections.abc import Callable, Iterable, Mapping
from math import sqrt
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import nn

from paramgroups.errors import ModelError, listing, nearest
from paramgroups.indexing.places import found, places
from paramgroups.indexing.wrappers import loaded


class Moments(NamedTuple):
    """What all statistics of a tensor are made of, summed in float64."""

    numel: int
    total: float
    squares: float
    largest: float


STATISTICS: Mapping[str, Callable[[Moments], float]] = {
    "rms": lambda of: sqrt(of.squares / of.numel),
    "mean": lambda of: of.total / of.numel,
    "std": lambda of: sqrt(max(of.squares / of.numel - (of.total / of.numel) ** 2, 0.0)),
    "absmax": lambda of: of.largest,
    "norm": lambda of: sqrt(of.squares),
}
# How many numbers are made float64 at once: 32 MiB of them.
PIECE = 1 << 22


def measure(model: nn.Module, statistics: Iterable[str]) -> dict[str, dict[str, float]]:
    """Statistics of each parameter's values, the same on all ranks.

    `rms` is sqrt(mean(x²)), `mean` mean(x), `std` sqrt(mean((x − mean)²)) (over all, not n − 1), `absmax`
    max |x|, `norm` sqrt(sum(x²)). Sums are taken in float64, whatever the values' type. Where
    `torch.distributed` is initialised, all ranks must call this, and all get what rank 0 finds.

    Args:
        model: A module with real values.
        statistics: Names among `STATISTICS`.

    Returns:
        For each statistic, its value by canonical name.

    Raises:
        ModelError: A statistic is not known, or a tensor has no values to measure: it is on `meta`, not yet
            initialised, or sharded by FSDP1.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> _ = nn.init.constant_(layer.weight, 3.0)
        >>> measure(layer, ["rms", "absmax"])
        {'rms': {'weight': 3.0}, 'absmax': {'weight': 3.0}}
    """
    asked = list(statistics)
    for one in asked:
        if one not in STATISTICS:
            raise ModelError(f'"{one}" is no statistic of values. {nearest(one, STATISTICS)}')
    tensors = _with_values(model)
    sharded = any(hasattr(tensor, "full_tensor") for tensor in tensors.values())
    together = dist.is_available() and dist.is_initialized()
    moments: dict[str, Moments] = {}
    if sharded or not together or dist.get_rank() == 0:
        moments = {name: _moments(tensor) for name, tensor in tensors.items()}
    if together:
        moments = _from_rank_0(moments)
    return {one: {name: _value(one, of) for name, of in moments.items()} for one in asked}


def _value(statistic: str, of: Moments) -> float:
    return STATISTICS[statistic](of) if of.numel else 0.0


def _with_values(model: nn.Module) -> dict[str, nn.Parameter]:
    walk = list(places(model))
    flat = loaded("torch.distributed.fsdp", "FullyShardedDataParallel")
    if flat is not None and any(isinstance(place.module, flat) for place in walk):
        raise ModelError(
            "The model is wrapped by FullyShardedDataParallel, which shows a part of each tensor only. "
            "Plan it before it is wrapped; the plan keeps the statistics."
        )
    first: dict[int, str] = {}
    tensors = {
        one.name: one.tensor for one in found(walk) if first.setdefault(id(one.tensor), one.name) == one.name
    }
    lazy = [name for name, tensor in tensors.items() if nn.parameter.is_lazy(tensor) or tensor.is_meta]
    if lazy:
        raise ModelError(
            f"{len(lazy)} parameters have no values to measure: {listing(lazy)}. Build the model on a real "
            "device (not meta) and load its weights, or give the statistics pinned in a plan."
        )
    return tensors


@torch.no_grad()
def _moments(tensor: Any) -> Moments:
    whole = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor.detach()
    total, squares, peaks = 0.0, 0.0, [0.0]
    for piece in whole.reshape(-1).split(PIECE):
        values = (piece.abs() if piece.is_complex() else piece).to(torch.float64)
        total += float(values.sum())
        squares += float(values.square().sum())
        peaks += [float(values.abs().amax())] if values.numel() else []
    # torch's maximum, unlike Python's, is NaN where any is.
    return Moments(whole.numel(), total, squares, float(torch.tensor(peaks, dtype=torch.float64).amax()))


def _from_rank_0(moments: dict[str, Moments]) -> dict[str, Moments]:
    sent: list[Any] = [moments]
    dist.broadcast_object_list(sent, src=0)
    received: dict[str, Moments] = sent[0]
    return received
