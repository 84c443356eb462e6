"""Finding the blocks of a model: the line of parts that its input runs through."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from torch import nn

from paramgroups.indexing.depth.outline import Outline
from paramgroups.indexing.kinds import split_words
from paramgroups.indexing.roles import is_attention
from paramgroups.indexing.wrappers import class_of


class Part(NamedTuple):
    """A piece of a line: a block, or what stands between blocks.

    Attributes:
        position: Of its place in the outline.
        block: It is a level of its own.
        whole: All below the place; else only the tensors that the module itself holds.
    """

    position: int
    block: bool = False
    whole: bool = True


class Line(NamedTuple):
    """The parts of a tower from its input to its output."""

    tower: str
    parts: list[Part]


class Sight(NamedTuple):
    """What counts as a block.

    Attributes:
        is_block: Of an outline and a position.
        least: How many blocks a model must show.
        least_in_tower: How many make a module beside others a tower of its own.
    """

    is_block: Callable[[Outline, int], bool]
    least: int
    least_in_tower: int


# A list of these runs side by side; it is no chain.
SIDE_BY_SIDE = {"adapters", "branches", "experts", "heads", "tasks"}
# Parts of one path through a U-Net, though each may be a module with blocks of its own.
ONE_PATH = {"bottleneck", "down", "downs", "mid", "middle", "up", "ups"}
NUMBERED = re.compile(r"^(.*?)_?\d+[a-z]?$")


def is_composite(outline: Outline, position: int) -> bool:
    """Two weights or more, with a norm: what residual blocks have, and experts and heads have not."""
    return 1 < outline.count(position, "weights") < outline.count(position, "layers")


def is_unit(outline: Outline, position: int) -> bool:
    """Two layers or more: a convolution and its norm, two linear layers."""
    weights, layers = outline.count(position, "weights"), outline.count(position, "layers")
    return weights > 0 and layers > 1 and not outline.own(position, "weights")


def is_leaf(outline: Outline, position: int) -> bool:
    """A layer: a module that holds a weight itself, or a whole attention."""
    layer = outline.own(position, "weights") > 0 or is_attention(class_of(outline[position]))
    return layer and not outline.all_are(position, "embeddings")


# What to look for, the surest sign first.
SIGHTS = (Sight(is_composite, 1, 1), Sight(is_unit, 2, 2), Sight(is_leaf, 1, 2))


def find_lines(outline: Outline) -> list[Line]:
    """The lines of a model by the surest sign that it shows; none where nothing tells a block."""
    for sight in SIGHTS:
        lines = _lines(outline, 0, sight)
        if _blocks(lines) >= sight.least:
            return lines
    return [Line("", [Part(0, block=True)])] if isinstance(outline[0], nn.RNNBase) else []


def _blocks(lines: Iterable[Line]) -> int:
    return sum(part.block for line in lines for part in line.parts)


def _lines(outline: Outline, position: int, sight: Sight) -> list[Line]:
    """The lines within a module that may hold stages, chains or towers; none where it holds no block."""
    if position and (_is_side_by_side(outline, position) or outline.all_are(position, "heads")):
        return []
    children, elements = _children(outline, position, sight)
    kinds = Counter(type(outline[one]) for one in elements)
    inner = {child: _inner(outline, child, elements, kinds, sight) for child in children}
    towers = [
        child
        for child in children
        if child not in elements
        and not _is_series(outline[child])
        and _blocks(inner[child]) >= sight.least_in_tower
    ]
    one_path = all(ONE_PATH.intersection(split_words(outline.segment(child))) for child in towers)
    if any(len(lines) > 1 for lines in inner.values()) or (len(towers) > 1 and not one_path):
        return _several(outline, position, inner)
    return _one(outline, position, inner, _is_block_of(outline, elements, inner, sight))


def _is_side_by_side(outline: Outline, position: int) -> bool:
    named = SIDE_BY_SIDE.intersection(split_words(outline.segment(position)))
    return bool(named) or type(outline[position]) in (nn.ModuleDict, nn.ParameterDict)


def _is_series(module: nn.Module) -> bool:
    # A ModuleDict of no class of its own holds alternatives; DenseNet's blocks are a class of their own.
    return (
        isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        and type(module) is not nn.ModuleDict
    )


def _children(outline: Outline, position: int, sight: Sight) -> tuple[list[int], set[int]]:
    """The children, and which of them are elements of a chain: of a container, or numbered attributes."""
    children = outline.children(position)
    if _is_series(outline[position]):
        return children, set(children)
    children, elements = _interleaved(outline, children, sight)
    prefixes = {child: found[1] for child in children if (found := NUMBERED.match(outline.segment(child)))}
    counted = Counter(prefixes.values())
    return children, elements | {
        child for child, prefix in prefixes.items() if prefix and counted[prefix] > 1
    }


def _interleaved(outline: Outline, children: list[int], sight: Sight) -> tuple[list[int], set[int]]:
    """Lists of one length, of which one holds the blocks, are run side by side: stage by stage."""
    lists = [child for child in children if isinstance(outline[child], nn.ModuleList)]
    lengths = Counter(len(outline.children(child)) for child in lists)
    for length in [length for length, times in lengths.items() if times > 1 and length > 1]:
        together = [child for child in lists if len(outline.children(child)) == length]
        if sum(bool(_lines(outline, child, sight)) for child in together) == 1:
            order = [one for row in zip(*map(outline.children, together), strict=True) for one in row]
            before = children.index(together[0])
            rest = [child for child in children if child not in together]
            return [*rest[:before], *order, *rest[before:]], set(order)
    return children, set()


def _inner(
    outline: Outline, child: int, elements: set[int], kinds: Mapping[type, int], sight: Sight
) -> list[Line]:
    """The lines within a child; a repeated element of a chain is asked for a chain of blocks only."""
    if sight.is_block is is_leaf:
        return [] if is_leaf(outline, child) else _lines(outline, child, sight)
    if child not in elements or _is_series(outline[child]):
        return _lines(outline, child, sight)
    repeated = kinds[type(outline[child])] > 1 or len(elements) == 1
    return _stage(outline, child) if repeated else _lines(outline, child, sight)


def _stage(outline: Outline, position: int) -> list[Line]:
    """The line of a stage: a module that holds a container of blocks of one class, or is one itself."""
    children = outline.children(position)
    if _is_blocks_only(outline, children):
        return [Line("", [part for child in children for part in _stage_or_block(outline, child)])]
    parts: list[Part] = []
    for child in children:
        chain = _chain(outline, child)
        parts += [part for one in chain for part in _stage_or_block(outline, one)] or [Part(child)]
    return [Line("", parts)] if any(part.block for part in parts) else []


def _stage_or_block(outline: Outline, position: int) -> list[Part]:
    deeper = _stage(outline, position)
    return deeper[0].parts if deeper else [Part(position, block=is_composite(outline, position))]


def _is_blocks_only(outline: Outline, children: Sequence[int]) -> bool:
    """Numbered blocks of one class and nothing else."""
    alike = len({type(outline[child]) for child in children}) == 1
    return alike and all(
        is_composite(outline, child) and NUMBERED.match(outline.segment(child)) for child in children
    )


def _chain(outline: Outline, position: int) -> list[int]:
    if not _is_series(outline[position]) or _is_side_by_side(outline, position):
        return []
    children = outline.children(position)
    blocks = {type(outline[child]) for child in children if is_composite(outline, child)}
    return children if len(blocks) == 1 else []


def _is_block_of(
    outline: Outline, elements: set[int], inner: Mapping[int, list[Line]], sight: Sight
) -> Callable[[int], bool]:
    # Beside stages, what a container holds is a stem, a step between stages or a head.
    staged = any(inner[child] for child in elements) and sight.is_block is is_unit
    # The one element that is a container of blocks: they are what is repeated, and not it.
    stages = [child for child in elements if _is_of_units(outline, child)]

    def is_block(child: int) -> bool:
        if outline.all_are(child, "heads") or outline.all_are(child, "embeddings"):
            return False
        if sight.is_block is is_leaf:
            return is_leaf(outline, child)
        if child not in elements or staged or stages == [child]:
            return False
        return sight.is_block(outline, child)

    return is_block


def _is_of_units(outline: Outline, position: int) -> bool:
    children = outline.children(position)
    series = _is_series(outline[position]) and not _is_side_by_side(outline, position)
    return series and len(children) > 1 and all(is_unit(outline, child) for child in children)


def _one(
    outline: Outline, position: int, inner: Mapping[int, list[Line]], is_block: Callable[[int], bool]
) -> list[Line]:
    parts: list[Part] = []
    for child, lines in inner.items():
        parts += lines[0].parts if lines else [Part(child, block=is_block(child))]
    if not any(part.block for part in parts):
        return []
    return [Line("", _with_own(outline, position, parts))]


def _with_own(outline: Outline, position: int, parts: list[Part]) -> list[Part]:
    """The parts with the module's own tensors: learned tokens below, factors such as a temperature above."""
    if not outline.own(position, "tensors"):
        return parts
    own = Part(position, whole=False)
    return [own, *parts] if outline.own(position, "embeddings") else [*parts, own]


def _several(outline: Outline, position: int, inner: Mapping[int, list[Line]]) -> list[Line]:
    """The lines of towers; what stands between belongs to the one that it feeds, or that feeds it."""
    lines: list[Line] = []
    waiting: list[Part] = []
    for child, found in inner.items():
        if found:
            named = [Line(line.tower or outline.path(child), line.parts) for line in found]
            lines += [Line(named[0].tower, [*waiting, *named[0].parts]), *named[1:]]
            waiting = []
        elif lines and not outline.all_are(child, "embeddings"):
            _fed_by(outline, child, lines).parts.append(Part(child))
        else:
            waiting.append(Part(child))
    lines[-1].parts.extend(waiting)
    own = _with_own(outline, position, [])
    front = own and outline.own(position, "embeddings")
    return (
        [Line(lines[0].tower, [*own, *lines[0].parts]), *lines[1:]]
        if front
        else [
            *lines[:-1],
            Line(lines[-1].tower, [*lines[-1].parts, *own]),
        ]
    )


def _fed_by(outline: Outline, child: int, lines: Sequence[Line]) -> Line:
    """The tower whose name begins as the child's does (`visual_projection`, `vision_model`), or the last."""
    start = outline.segment(child)[:3]
    alike = [line for line in lines if line.tower.rpartition(".")[2].startswith(start)]
    return alike[0] if alike else lines[-1]
