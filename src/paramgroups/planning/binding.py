"""Binding: a plan holds names, and here they meet a live model's tensors."""

import sys
from collections.abc import Iterable

import torch
from torch import nn

from paramgroups.errors import PlanError, listing
from paramgroups.indexing import Index, named_parameters

Bound = dict[str, nn.Parameter]


def bind(index: Index, model: nn.Module) -> Bound:
    """The live tensor of each planned parameter, by canonical name.

    The model may be a part of the planned one, such as a pipeline stage or a shard.

    Raises:
        PlanError: The model has a trainable parameter that the plan does not know, shares no name with
            the plan, or was planned with other shapes or ties.
    """
    live = dict(named_parameters(model))
    _check_known(index, live)
    bound: Bound = {}
    for name, tensor in live.items():
        if name in index:
            _check_tied(name, index[name].name, tensor, bound.setdefault(index[name].name, tensor))
    _check_apart(bound)
    if not _is_flat(model):
        _check_shapes(index, bound)
    return bound


def on_meta(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether a tensor has no values, as on the `meta` device."""
    return any(tensor.is_meta for tensor in tensors)


def _check_known(index: Index, live: Bound) -> None:
    unknown = [name for name, tensor in live.items() if name not in index and tensor.requires_grad]
    if unknown or not any(name in index for name in live):
        what = listing(unknown) if unknown else "nothing that is in the plan"
        raise PlanError(
            f"The model is not the planned one: it has {what}, and the plan {len(index):,} other parameters. "
            "Plan this model, after whatever adds or replaces parameters (a new head, LoRA)."
        )


def _check_tied(name: str, canonical: str, tensor: nn.Parameter, known: nn.Parameter) -> None:
    if known is not tensor:
        raise PlanError(
            f'"{name}" and "{canonical}" were one tensor when planned, and are two now. Tie them again, or '
            "plan this model."
        )


def _check_apart(bound: Bound) -> None:
    first: dict[int, str] = {}
    for name, tensor in bound.items():
        known = first.setdefault(id(tensor), name)
        if known != name:
            raise PlanError(
                f'"{known}" and "{name}" were two tensors when planned, and are one now. Plan this model.'
            )


def _check_shapes(index: Index, bound: Bound) -> None:
    for name, tensor in bound.items():
        planned, live = index[name].shape, tuple(tensor.shape)
        if planned != live:
            raise PlanError(f'"{name}" was planned with shape {planned} and has {live} now. Plan this model.')


def _is_flat(model: nn.Module) -> bool:
    """Whether FSDP1 shows its shards, which have other shapes than the tensors that they are cut from."""
    kind = getattr(sys.modules.get("torch.distributed.fsdp"), "FullyShardedDataParallel", None)
    return kind is not None and any(isinstance(module, kind) for module in model.modules())
