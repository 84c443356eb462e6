"""How deep in a model each parameter stands: declared, or read from its structure."""

from collections.abc import Mapping, Sequence

from paramgroups.indexing.depth.declared import Declaration, asked, declared
from paramgroups.indexing.depth.heights import structural
from paramgroups.indexing.depth.level import Level
from paramgroups.indexing.depth.outline import Outline
from paramgroups.indexing.depth.tracing import calls
from paramgroups.indexing.places import Found, Place

__all__ = ["Declaration", "Level", "calls", "find_levels"]


def find_levels(
    walk: Sequence[Place],
    names: Sequence[Found],
    roles: Sequence[frozenset[str]],
    *,
    depth: Declaration | None,
    order: Mapping[int, int] | None,
) -> list[Level]:
    """The level of each name: as the user declares it, or the model, or else as its structure tells it.

    Args:
        walk: All places of the model.
        names: All names of its tensors.
        roles: The roles of each name.
        depth: What the user declares.
        order: When each module, by its id, was first run, if that was traced: then it counts, not what the
            model declares.
    """
    plain = [one.name for one in names]
    if depth is not None:
        return declared(depth, plain)
    model = [place.module for place in walk if not place.path][-1]
    if order is None and (levels := asked(model, plain)) is not None:
        return levels
    return structural(Outline(walk, names, roles, order), names)
