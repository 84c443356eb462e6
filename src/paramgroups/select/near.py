"""The nearest selector that matches, for an error about one that matches nothing."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from itertools import chain, islice

from paramgroups.indexing.index import Index
from paramgroups.indexing.spelling import Spelling
from paramgroups.select.conditions import Attribute
from paramgroups.select.nodes import Node, Path, Pins, Role, Rows, Scope, Type
from paramgroups.select.operators import Operator
from paramgroups.select.paths import Segments, steps, words_in
from paramgroups.select.segments import ANY, DEEP, literal
from paramgroups.select.selector import Selector

MANY = 2000  # at most so many words is a misspelt one compared with


def nearest_match(selector: Selector, index: Index, pins: Pins | None = None) -> tuple[str, int] | None:
    """The nearest text that matches something, and how many parameters it selects.

    One part of the selector is mended: a path, a role, a module type or a value.

    Args:
        selector: One that matches nothing in the index.
        index: The parameters to select from.
        pins: The statistics of their values; a selector that needs others has no nearest match.

    Example:
        >>> from paramgroups.select import nearest_match, parse
        >>> print(nearest_match(parse("encodr:bias"), Index([])))
        None
    """
    pins = pins or {}
    if selector.statistics <= set(pins):
        for node in mended(selector.node, index):
            if found := len(node.select(Scope(index, pins))):
                return node.text, found
    return None


def rows_there(selector: Selector, index: Index) -> tuple[str, int] | None:
    """Of a selector of rows that are not there, a tensor that it speaks of and how many rows that has."""
    whole = _without_rows(selector.node)
    if whole == selector.node or selector.statistics:
        return None
    found = whole.select(Scope(index, {})).names
    return next(((name, index[name].shape[0]) for name in found if index[name].shape), None)


def _without_rows(node: Node) -> Node:
    if isinstance(node, Rows):
        return Path((DEEP,))
    if isinstance(node, Operator):
        return replace(node, parts=tuple(map(_without_rows, node.parts)))
    return node


def mended(node: Node, index: Index) -> Iterator[Node]:
    """The selector with one part that matches nothing replaced by a like one."""
    if isinstance(node, Operator):
        for place, part in enumerate(node.parts):
            for other in mended(part, index):
                yield replace(node, parts=(*node.parts[:place], other, *node.parts[place + 1 :]))
    elif type(node) in MENDERS and not node.select(Scope(index, {})):
        yield from MENDERS[type(node)](node, index)


def like(word: str, known: Iterable[str]) -> list[str]:
    """The words most like this one, best first."""
    return get_close_matches(word, list(islice(known, MANY)))


def mend_path(path: Path, index: Index) -> Iterator[Node]:
    """The path with each segment at which no name goes on replaced."""
    segments = path.segments
    for _ in path.segments:
        reached, words = dead_end(index.spelling, segments)
        if reached < len(segments):
            segments = detour(index.spelling, segments, reached, words)
    if segments:
        yield Path(segments)


def dead_end(names: Spelling, segments: Segments) -> tuple[int, dict[str, int]]:
    """How many segments some name matches at most, and the words with which such names go on."""
    states = list(steps(names, segments))
    reached = max(max(state) for state in states if state)
    words: dict[str, int] = {}
    for column, state in zip(names.columns, states, strict=False):
        if reached in state:
            words |= words_in(names, column[state[reached]])
    return reached, words


def detour(names: Spelling, segments: Segments, at: int, words: dict[str, int]) -> Segments:
    """The segments with "**" before the wrong one, or one like it in its place; none if nothing helps."""
    before, wrong, after = segments[:at], segments[at], segments[at + 1 :]
    deeper = (*before, DEEP, wrong, *after)
    if dead_end(names, deeper)[0] == len(deeper):
        return deeper
    if not words:
        return before
    for way, known in ((before, words), ((*before, DEEP), dead_end(names, deeper)[1])):
        if close := like(wrong.text, known):
            return (*way, literal(close[0]), *after)
    return (*before, ANY, *after) if before and before[-1].literal else ()


def mend_role(role: Role, index: Index) -> Iterator[Node]:
    """Like roles that some parameter has."""
    return map(Role, like(role.role, sorted(frozenset().union(*index.distinct("roles")[0]))))


def mend_type(kind: Type, index: Index) -> Iterator[Node]:
    """Like types that some module has."""
    return map(Type, like(kind.name, dict.fromkeys(chain(*index.distinct("module_bases")[0]))))


def mend_attribute(condition: Attribute, index: Index) -> Iterator[Node]:
    """The condition with a like word, or the nearest number, that some parameter has."""
    values, value = index.distinct(condition.name)[0], condition.value
    if isinstance(value, str):
        close = like(value, values)
    else:
        close = sorted(values, key=lambda found: abs(found - value))[:1]
    for found in close:
        yield replace(condition, value=found)
        yield replace(condition, sign="==", value=found)


MENDERS: dict[type[Node], Callable[..., Iterator[Node]]] = {
    Path: mend_path,
    Role: mend_role,
    Type: mend_type,
    Attribute: mend_attribute,
}
