"""The names of an index as a tree of segments, so that a path is found without reading all names."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt


class Node:
    """A segment of a dotted path, and the slice of `Tree.order` that holds all parameters below it."""

    __slots__ = ("children", "start", "stop")

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.start = 0
        self.stop = 0


class Tree:
    """All names and aliases by segment.

    `order` lists positions in the index so that everything under a node is one slice of it. A tied
    parameter stands there once for each of its names.
    """

    __slots__ = ("order", "root")

    def __init__(self, names: Iterable[tuple[str, int]]) -> None:
        self.root = Node()
        leaves: dict[int, list[int]] = {}
        for name, position in names:
            node = self.root
            for segment in name.split("."):
                child = node.children.get(segment)
                if child is None:
                    child = node.children[segment] = Node()
                node = child
            leaves.setdefault(id(node), []).append(position)
        order: list[int] = []
        _number(self.root, leaves, order)
        self.order: npt.NDArray[np.int64] = np.array(order, dtype=np.int64)


def _number(node: Node, leaves: dict[int, list[int]], order: list[int]) -> None:
    node.start = len(order)
    order.extend(leaves.get(id(node), ()))
    for child in node.children.values():
        _number(child, leaves, order)
    node.stop = len(order)


def walk(node: Node, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Every node below `node` with its path, parents first."""
    for segment, child in node.children.items():
        path = (*prefix, segment)
        yield path, child
        yield from walk(child, path)
