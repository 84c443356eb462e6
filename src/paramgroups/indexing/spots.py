"""What stands around each tensor of a model, as its roles are told from it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from paramgroups.indexing.heads import heads
from paramgroups.indexing.places import Found, Place
from paramgroups.indexing.roles import Spot, is_attention


class Around(NamedTuple):
    """Of a place: what it stands within, and the last words of its path."""

    in_attention: bool
    in_head: bool
    near: tuple[str, ...]


def spots(walk: Sequence[Place], names: Sequence[Found]) -> Iterator[tuple[nn.Module, Spot]]:
    """For each name of a tensor, the module that holds it and what its roles are told from."""
    around = _around(walk)
    for _, tensor, place, key in names:
        holder, own = (place, key) if type(place.module) is not ParametrizationList else _behind(place, key)
        within, shape = around[holder], tensor.shape
        vector = len(shape) < 2 or shape.numel() == max(shape)  # noqa: PLR2004 - one dimension or none
        cls = type(holder.module)
        yield (
            holder.module,
            Spot(cls, own, within.near, vector, len(shape), within.in_attention, within.in_head),
        )


def _around(walk: Sequence[Place]) -> dict[Place | None, Around]:
    outputs = heads(walk)
    around: dict[Place | None, Around] = {None: Around(in_attention=False, in_head=False, near=())}
    for place in walk:
        above = around[place.parent]
        module = place.module
        around[place] = Around(
            above.in_attention or is_attention(type(module)),
            above.in_head or id(module) in outputs,
            tuple(part for part in place.path.rsplit(".", 2)[-2:] if not part.isdigit()),
        )
    return around


def _behind(place: Place, key: str) -> tuple[Place, str]:
    """The module whose tensor a parametrization makes, and that tensor's name there."""
    assert place.parent is not None
    module = place.module
    assert isinstance(module, ParametrizationList)
    own = place.raw.rpartition(".")[2]
    magnitude = key == "original0" and any(type(one).__name__ == "_WeightNorm" for one in module)
    return place.parent, f"{own}_g" if magnitude else own
