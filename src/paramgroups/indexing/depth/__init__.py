"""How deep in a model each parameter stands: declared, or read from its structure."""

from collections.abc import Sequence
from typing import Any

from paramgroups.indexing.depth.declared import Declaration, asked, declared
from paramgroups.indexing.depth.heights import structural
from paramgroups.indexing.depth.level import Level
from paramgroups.indexing.depth.outline import Outline
from paramgroups.indexing.depth.tracing import calls
from paramgroups.indexing.places import Found, Place

__all__ = ["Declaration", "Level", "find_levels"]


def find_levels(
    walk: Sequence[Place],
    names: Sequence[Found],
    roles: Sequence[frozenset[str]],
    *,
    depth: Declaration | None,
    example: Any,
) -> list[Level]:
    """The level of each name: what the user declares, else what the model declares, else its structure."""
    plain = [one.name for one in names]
    if depth is not None:
        return declared(depth, plain)
    model = [place.module for place in walk if not place.path][-1]
    if example is None and (levels := asked(model, plain)) is not None:
        return levels
    order = None if example is None else calls(walk[0].module, example)
    return structural(Outline(walk, names, roles, order), names)
