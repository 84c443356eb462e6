"""Reading a model into an index."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from paramgroups.errors import ModelError, listing
from paramgroups.indexing.depth import Declaration, Level, calls, find_levels
from paramgroups.indexing.flags import is_trained
from paramgroups.indexing.index import Index
from paramgroups.indexing.pause import collector_paused
from paramgroups.indexing.places import Found, Place, found, places
from paramgroups.indexing.roles import joined, most_telling
from paramgroups.indexing.row import Row
from paramgroups.indexing.traits import Trait, traits


@collector_paused()
def index(model: nn.Module, *, depth: Declaration | None = None, example: Any = None) -> Index:
    """One frozen row for each distinct tensor of a model: names, role, fans, depth.

    Reads no values, so a model on `meta` will do. Names are canonical: wrappers (DistributedDataParallel,
    FSDP, `torch.compile`, activation checkpointing, parametrizations, PEFT) do not change them, and a tied
    tensor has one row with all its names.

    Depth counts levels from the input, which is 0: stem and embeddings, then each block of the repeated
    blocks that the model holds, then final norm and heads. Towers (an encoder and a decoder, text and
    vision) count their own. Where nothing tells a level, all stand at 0 of 1.

    Args:
        model: Any module.
        depth: What declares the depth instead: a function of a name, that gives its level; a mapping of
            paths to levels; or a group matcher as timm's models have it. A model with a method
            `group_matcher` is asked for one.
        example: An input (a tensor, a tuple of arguments, or a dict of keyword arguments) on which to trace
            the order in which the modules run, where the order in which the model holds them is another.

    Raises:
        ModelError: It is no module, a tensor has no shape yet, two tensors cannot be told apart by name, the
            depth is not well declared, or the model does not run on the example.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3))
        >>> [(row.name, row.role, row.depth) for row in index(model) if "weight" in row.name]
        [('0.weight', 'linear', 0), ('1.weight', 'norm', 0), ('3.weight', 'head', 1)]
    """
    walk = list(places(model))
    return _index(model, walk, found(walk), depth, example)


@collector_paused()
def index_with_tensors(model: nn.Module) -> tuple[Index, dict[str, nn.Parameter]]:
    """The index of a model, and the live tensor of each of its rows by name, out of one walk.

    Args:
        model: Any module.

    Raises:
        ModelError: It cannot be indexed.
    """
    walk = list(places(model))
    names = found(walk)
    rows = _index(model, walk, names, None, None)
    known = {one.name: one.tensor for one in names}
    return rows, {row.name: known[row.name] for row in rows}


def _index(
    model: nn.Module, walk: Sequence[Place], names: Sequence[Found], depth: Declaration | None, example: Any
) -> Index:
    _refuse_lazy(names)
    order = None if example is None else calls(model, example)
    known = traits(walk, names, order)
    levels = find_levels(walk, names, [one.roles for one in known], depth=depth, order=order)
    return Index(_rows(names, known, levels))


def _refuse_lazy(names: Sequence[Found]) -> None:
    lazy = [one.name for one in names if isinstance(one.tensor, UninitializedParameter)]
    if lazy:
        raise ModelError(
            f"{len(lazy)} parameters have no shape yet: {listing(lazy)}. "
            "Run the model once on an example (lazy modules take their shapes from it), then index it."
        )


def _rows(names: Sequence[Found], known: Sequence[Trait], levels: Sequence[Level]) -> Iterator[Row]:
    firsts: dict[int, int] = {}
    ties: dict[int, list[int]] = {}
    for position, one in enumerate(names):
        first = firsts.setdefault(id(one.tensor), position)
        if first != position:
            ties.setdefault(first, []).append(position)
    for first in firsts.values():
        trait, others = known[first], ties.get(first, ())
        if others:
            trait = trait._replace(roles=joined([trait.roles, *(known[other].roles for other in others)]))
        yield _row(names[first], tuple([names[other].name for other in others]), trait, levels[first])


def _row(one: Found, aliases: tuple[str, ...], trait: Trait, level: Level) -> Row:
    return Row(
        one.name,
        aliases,
        most_telling(trait.roles),
        trait.roles,
        trait.module_type,
        trait.module_bases,
        trait.shape,
        trait.numel,
        trait.fan_in,
        trait.fan_out,
        level.depth,
        level.levels,
        level.tower,
        is_trained(one.tensor),
        _dtype_name(one.tensor.dtype),
    )


@cache
def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
