"""From the lines of a model to a level for each tensor."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from paramgroups.indexing.depth.chains import Part, find_lines, is_leaf
from paramgroups.indexing.depth.level import FLAT, Level
from paramgroups.indexing.depth.outline import Outline
from paramgroups.indexing.kinds import split_words
from paramgroups.indexing.places import Found

# A norm of the embeddings, and the final norm, whatever the order in which a model holds them.
NAMED_NORMS = {"stem": {"emb", "embedding", "embeddings", "pre"}, "top": {"f", "final", "post"}}
RECURRENT = re.compile(r"_l(\d+)(_reverse)?$")


def structural(outline: Outline, names: Sequence[Found]) -> list[Level]:
    """The level of each name, as the structure tells it."""
    lines = find_lines(outline)
    wholes: dict[int, Level] = {}
    owns: dict[int, Level] = {}
    for line in lines:
        parts = _in_order(outline, line.parts)
        heights, levels = _heights(outline, parts)
        tower = line.tower if len(lines) > 1 else ""
        for part, height in zip(parts, heights, strict=True):
            (wholes if part.whole else owns)[part.position] = Level(height, levels, tower)
    levels_of = _spread(outline, names, wholes, owns)
    rnns = {part.position for line in lines for part in line.parts if part.block and _span(outline, part) > 1}
    return [
        _climbed(one, level) if one.place.at in rnns else level
        for one, level in zip(names, levels_of, strict=True)
    ]


def _in_order(outline: Outline, parts: Sequence[Part]) -> list[Part]:
    """The parts as they run, where that was traced; the module's own tensors stay where they are."""
    whole = iter(
        sorted((part for part in parts if part.whole), key=lambda part: outline.first_call(part.position))
    )
    return [next(whole) if part.whole else part for part in parts]


def _heights(outline: Outline, parts: Sequence[Part]) -> tuple[list[int], int]:
    """The height of each part, and how many levels there are."""
    marks = _marks(outline, parts)
    height = int("stem" in marks)
    heights = []
    for part, mark in zip(parts, marks, strict=True):
        heights.append({"stem": 0, "top": -1, "before": height - 1}.get(mark, height))
        height += _span(outline, part) if mark == "block" else 0
    levels = height + ("top" in marks)
    return [levels - 1 if at < 0 else at for at in heights], levels


def _marks(outline: Outline, parts: Sequence[Part]) -> list[str]:
    blocks = [at for at, part in enumerate(parts) if part.block]
    first, last = blocks[0], blocks[-1]
    layers = is_leaf(outline, parts[last].position)
    return [
        "block" if part.block else _mark(outline, part, (at > first) + (at > last), layers=layers)
        for at, part in enumerate(parts)
    ]


def _mark(outline: Outline, part: Part, after: int, *, layers: bool) -> str:
    """Where a part goes that is no block; `after` is 0 below all blocks, 1 between them, 2 above.

    Embeddings are the stem and heads the top wherever they stand. Between blocks, two weights or more are a
    level of their own, a norm goes with the block before it, and a downsampling with the block after it.
    Where single layers are the blocks, a norm above the last goes with it too.
    """
    if not part.whole:
        return "stem" if outline.own(part.position, "embeddings") else "top"
    if outline.all_are(part.position, "norms") and (said := _said(outline.segment(part.position))):
        return said
    if after == 0 or outline.all_are(part.position, "embeddings"):
        return "top" if outline.all_are(part.position, "heads") else "stem"
    if outline.all_are(part.position, "norms") and (after == 1 or layers):
        return "before"
    if after > 1 or outline.all_are(part.position, "heads"):
        return "top"
    return "block" if outline.count(part.position, "weights") > 1 else "next"


def _said(segment: str) -> str:
    """What the name of a norm says of its place, where it stands elsewhere in the model's order."""
    return next((mark for mark, words in NAMED_NORMS.items() if words.intersection(split_words(segment))), "")


def _span(outline: Outline, part: Part) -> int:
    module = outline[part.position]
    return module.num_layers if isinstance(module, nn.RNNBase) else 1


def _spread(
    outline: Outline, names: Sequence[Found], wholes: Mapping[int, Level], owns: Mapping[int, Level]
) -> list[Level]:
    """Each tensor has the level of the part that its place is in."""
    kinds = [FLAT, *wholes.values()]
    kind = np.zeros(len(outline.walk), dtype=np.int64)
    for number, position in enumerate(wholes, start=1):
        kind[position : outline.stop[position]] = number
    of_place = [kinds[number] for number in kind.tolist()]
    return [owns.get(place.at) or of_place[place.at] for _, _, place, _ in names]


def _climbed(one: Found, level: Level) -> Level:
    """A block of several recurrent layers: its tensors say in their names which of them they are of."""
    layer = RECURRENT.search(one.key)
    return level._replace(depth=level.depth + int(layer[1])) if layer else level
