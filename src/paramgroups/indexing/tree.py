"""The names of an index as a tree of segments, so that a path is found without reading all names."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt


class Node:
    """A segment of a dotted path, and the slice of `Tree.order` that holds all parameters below it."""

    __slots__ = ("children", "position", "start", "stop")

    def __init__(self) -> None:
        self.children: dict[str, Node] = NO_CHILDREN
        self.position = -1
        self.start = 0
        self.stop = 0


# Shared by all leaves: most nodes are leaves, and a dict for each would be most of the cost.
NO_CHILDREN: dict[str, Node] = {}


class Tree:
    """All names and aliases by segment.

    `order` lists positions in the index so that everything under a node is one slice of it. A tied
    parameter stands there once for each of its names.
    """

    __slots__ = ("order", "root")

    def __init__(self, names: Iterable[tuple[str, int]]) -> None:
        self.root = Node()
        nodes = {"": self.root}
        for name, position in names:
            node = nodes.get(name) or _grown(nodes, name)
            node.position = position
        order: list[int] = []
        _number(self.root, order)
        self.order: npt.NDArray[np.int64] = np.array(order, dtype=np.int64)


def _grown(nodes: dict[str, Node], path: str) -> Node:
    """The node of a path, made with all above it that are not there yet."""
    above, _, segment = path.rpartition(".")
    parent = nodes.get(above) or _grown(nodes, above)
    if parent.children is NO_CHILDREN:
        parent.children = {}
    node = nodes[path] = parent.children[segment] = Node()
    return node


def _number(node: Node, order: list[int]) -> None:
    node.start = len(order)
    if node.position >= 0:
        order.append(node.position)
    for child in node.children.values():
        _number(child, order)
    node.stop = len(order)


def walk(node: Node, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Every node below `node` with its path, parents first."""
    for segment, child in node.children.items():
        path = (*prefix, segment)
        yield path, child
        yield from walk(child, path)
