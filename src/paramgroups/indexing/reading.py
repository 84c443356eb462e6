"""Reading a model into an index."""

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.nn.parameter import UninitializedParameter

from paramgroups.errors import ModelError, listing
from paramgroups.indexing.depth.level import Level
from paramgroups.indexing.depth.heights import structural
from paramgroups.indexing.depth.outline import Outline
from paramgroups.indexing.fans import fans
from paramgroups.indexing.index import Index
from paramgroups.indexing.kinds import kind_of
from paramgroups.indexing.places import Found, found, places
from paramgroups.indexing.roles import Spot, most_telling, roles_of
from paramgroups.indexing.row import Row
from paramgroups.indexing.spots import spots


def index(model: nn.Module, *, depth: Any = None, example: Any = None) -> Index:
    """One frozen row for each distinct tensor of a model."""
    walk = list(places(model))
    names = list(found(walk))
    _refuse_lazy(names)
    about = list(spots(walk, names))
    levels = structural(Outline(walk, names, [roles_of(spot) for _, spot in about]), names)
    return Index(_rows(names, about, levels))


def _refuse_lazy(names: Sequence[Found]) -> None:
    lazy = [one.name for one in names if isinstance(one.tensor, UninitializedParameter)]
    if lazy:
        raise ModelError(
            f"{len(lazy)} parameters have no shape yet: {listing(lazy)}. "
            "Run the model once on an example (lazy modules take their shapes from it), then index it."
        )


def _rows(
    names: Sequence[Found], about: Sequence[tuple[nn.Module, Spot]], levels: Sequence[Level]
) -> list[Row]:
    held: dict[int, list[int]] = {}
    for position, one in enumerate(names):
        held.setdefault(id(one.tensor), []).append(position)
    return [_row(at, names, about, levels[at[0]]) for at in held.values()]


def _row(
    at: Sequence[int], names: Sequence[Found], about: Sequence[tuple[nn.Module, Spot]], level: Level
) -> Row:
    first = at[0]
    tensor = names[first].tensor
    module, spot = about[first]
    kind = kind_of(spot.cls)
    roles = roles_of(spot) if len(at) == 1 else _all_roles(about[one][1] for one in at)
    shape = tuple(tensor.shape)
    fan_in, fan_out = fans(shape, kind.layer, module, embedding="embedding" in roles)
    return Row(
        names[first].name,
        tuple(names[one].name for one in at[1:]),
        most_telling(roles),
        roles,
        kind.name,
        kind.bases,
        shape,
        tensor.numel(),
        fan_in,
        fan_out,
        *level,
        tensor.requires_grad,
        str(tensor.dtype).removeprefix("torch."),
    )


def _all_roles(spotted: Any) -> frozenset[str]:
    roles = frozenset().union(*(roles_of(spot) for spot in spotted))
    return roles - {"matrix"} if roles & {"embedding", "scale"} else roles
