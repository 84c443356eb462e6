"""What all tensors of one kind have in common: nearly all of a row but its name."""

from collections.abc import Container, Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from paramgroups.indexing.fans import fans
from paramgroups.indexing.heads import heads
from paramgroups.indexing.kinds import kind_of
from paramgroups.indexing.places import Found, Place
from paramgroups.indexing.roles import Around, is_attention, roles_of
from paramgroups.indexing.wrappers import class_of, keeps_a_copy

ORIGINAL = "original_module"
"""What PEFT calls a module whose copy it trains."""


class Trait(NamedTuple):
    """What a tensor's module, own name and shape tell; as in `Row`."""

    roles: frozenset[str]
    module_type: str
    module_bases: tuple[str, ...]
    shape: tuple[int, ...]
    numel: int
    fan_in: int
    fan_out: int


def traits(
    walk: Sequence[Place], names: Sequence[Found], order: Mapping[int, int] | None = None
) -> list[Trait]:
    """For each name of a tensor, what is known of it; `order` as in `heads`."""
    around = _around(walk, heads(walk, order))
    found = []
    for _, tensor, place, key in names:
        holder, own = (place, key) if type(place.module) is not ParametrizationList else _behind(place, key)
        module = holder.module
        found.append(_trait(class_of(module), own, tensor.shape, around[holder.at], _layout(module)))
    return found


def _layout(module: nn.Module) -> tuple[int, bool]:
    """The groups of a convolution, and whether experts are held as (in, out): known of the module alone."""
    held = vars(module)
    return held.get("groups", 1), held.get("is_transposed", False)


@lru_cache(maxsize=65536)
def _trait(cls: type, key: str, shape: torch.Size, around: Around, layout: tuple[int, bool]) -> Trait:
    kind = kind_of(cls)
    groups, turned = layout
    roles = roles_of(cls, key, shape, around)
    layer = "transposed_linear" if turned and not kind.layer else kind.layer
    fan_in, fan_out = fans(shape, layer, groups, embedding="embedding" in roles)
    return Trait(roles, kind.name, kind.bases, tuple(shape), prod(shape), fan_in, fan_out)


def _around(walk: Sequence[Place], outputs: Container[int]) -> list[Around]:
    """What each place stands within, and the last names of its path."""
    known: dict[tuple[int, str, bool, bool, bool], Around] = {}
    around: list[Around] = []
    root = Around()
    for place in walk:
        above = around[place.parent.at] if place.parent is not None else root
        segment = "" if place.segment.isdigit() else place.segment
        attention, head = is_attention(class_of(place.module)), id(place.module) in outputs
        within = above.in_head and not _is_kept_aside(place)
        step = (id(above), segment, attention, head, within)
        if step not in known:
            near = (*above.near[-1:], segment) if segment else above.near
            known[step] = Around(near, above.in_attention or attention, within or head)
        around.append(known[step])
    return around


def _is_kept_aside(place: Place) -> bool:
    """Whether a copy of it is trained in its place: it puts nothing out any more."""
    above = place.parent
    return above is not None and place.segment == ORIGINAL and keeps_a_copy(class_of(above.module))


def _behind(place: Place, key: str) -> tuple[Place, str]:
    """The place whose tensor a parametrization makes, and that tensor's name there."""
    # A weight norm holds the magnitude and the direction of a weight as two tensors.
    parts = (type(one).__name__ for one in place.module.children())
    own = f"{place.segment}_g" if key == "original0" and "_WeightNorm" in parts else place.segment
    return place.parent or place, own
