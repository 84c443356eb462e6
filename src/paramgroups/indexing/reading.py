"""Reading a model into an index."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn
from torch.nn.parameter import UninitializedParameter

from paramgroups.errors import ModelError, listing
from paramgroups.indexing.depth import Declaration, Level, find_levels
from paramgroups.indexing.fans import fans
from paramgroups.indexing.index import Index
from paramgroups.indexing.kinds import kind_of
from paramgroups.indexing.places import Found, found, places
from paramgroups.indexing.roles import Spot, most_telling, roles_of
from paramgroups.indexing.row import Row
from paramgroups.indexing.spots import spots

About = tuple[nn.Module, Spot]


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
    names = list(found(walk))
    _refuse_lazy(names)
    about = list(spots(walk, names))
    roles = [roles_of(spot) for _, spot in about]
    levels = find_levels(walk, names, roles, depth=depth, example=example)
    return Index(_rows(names, about, roles, levels))


def _refuse_lazy(names: Sequence[Found]) -> None:
    lazy = [one.name for one in names if isinstance(one.tensor, UninitializedParameter)]
    if lazy:
        raise ModelError(
            f"{len(lazy)} parameters have no shape yet: {listing(lazy)}. "
            "Run the model once on an example (lazy modules take their shapes from it), then index it."
        )


def _rows(
    names: Sequence[Found],
    about: Sequence[About],
    roles: Sequence[frozenset[str]],
    levels: Sequence[Level],
) -> Iterator[Row]:
    held: dict[int, list[int]] = {}
    for position, one in enumerate(names):
        held.setdefault(id(one.tensor), []).append(position)
    for positions in held.values():
        first = positions[0]
        aliases = tuple(names[other].name for other in positions[1:])
        found_roles = _joined([roles[position] for position in positions]) if aliases else roles[first]
        yield _row(names[first], about[first], aliases, found_roles, levels[first])


def _joined(roles: Sequence[frozenset[str]]) -> frozenset[str]:
    """A tied tensor is all that it is under any of its names."""
    joined = frozenset[str]().union(*roles)
    return joined - {"matrix"} if joined & {"embedding", "scale"} else joined


def _row(one: Found, about: About, aliases: tuple[str, ...], roles: frozenset[str], level: Level) -> Row:
    tensor = one.tensor
    module, spot = about
    kind = kind_of(spot.cls)
    shape = tuple(tensor.shape)
    fan_in, fan_out = fans(shape, kind.layer, module, embedding="embedding" in roles)
    return Row(
        one.name,
        aliases,
        most_telling(roles),
        roles,
        kind.name,
        kind.bases,
        shape,
        tensor.numel(),
        fan_in,
        fan_out,
        level.depth,
        level.levels,
        level.tower,
        tensor.requires_grad,
        str(tensor.dtype).removeprefix("torch."),
    )
