"""The shortest readable selector of given parameters: a set of names, put into words.

Several ways of saying it are tried: by modules wholly within the set, by roles and dimensions with
modules for the rest, as all but the others, and as a role without some. Each finds the very same, and the
shortest is taken.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from paramgroups.errors import SelectorError
from paramgroups.indexing.index import Index
from paramgroups.select.conditions import condition
from paramgroups.select.nodes import Node, Role, Scope
from paramgroups.select.operators import Or, all_but, either, without
from paramgroups.select.patterns import ANYTHING, patterns
from paramgroups.select.selection import Mask
from paramgroups.select.selector import Selector, made

ROLES = ("norm", "bias", "embedding", "head", "lora_A", "lora_B")
LONGER = {"[": 5, "~": 3}
"""So many letters longer these count than they are: what has a name says more than a condition, or a lack."""


@dataclass(frozen=True)
class Goal:
    """What is to be selected.

    Attributes:
        index: The parameters.
        wanted: Those that must be selected.
        barred: Those that must not be.
    """

    index: Index
    wanted: Mask
    barred: Mask

    def mask(self, node: Node) -> Mask:
        """What a selector finds."""
        return node.select(Scope(self.index, {})).whole

    def turned(self) -> "Goal":
        """All that is barred, without what is wanted."""
        return Goal(self.index, self.barred, self.wanted)

    def left_by(self, masks: Iterable[Mask]) -> "Goal":
        """What is still wanted where these are selected already."""
        rest = self.wanted.copy()
        for mask in masks:
            rest &= ~mask
        return Goal(self.index, rest, self.barred)

    @cached_property
    def atoms(self) -> list[tuple[Node, Mask]]:
        """Roles and conditions that find something wanted, the telling ones first."""
        nodes: list[Node] = [Role(role) for role in ROLES]
        nodes += [condition("ndim", "<=", 1), condition("ndim", ">=", 2)]
        depths = [row.depth for row, wanted in zip(self.index, self.wanted, strict=True) if wanted]
        if len({row.tower for row in self.index}) == 1 and depths:
            ends = (("==", max(depths)), ("<=", max(depths)), (">=", min(depths)))
            nodes += [condition("depth", sign, end) for sign, end in ends]
        return [(node, found) for node in nodes if (found := self.mask(node))[self.wanted].any()]


def cover(names: Iterable[str], index: Index, *, free: Iterable[str] = ()) -> Selector:
    """The shortest readable selector that finds exactly these parameters of an index.

    Args:
        names: The parameters, by their names or aliases; one or more.
        index: The parameters of the model.
        free: Parameters that it may find or not, as suits: those that are never trained, perhaps.

    Raises:
        ModelError: A name is no parameter of the index; the nearest is told.
        SelectorError: There are no names.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> index = pg.index(nn.Sequential(*(nn.Linear(2, 2) for _ in range(5))))
        >>> cover(["1.weight", "1.bias", "2.weight", "2.bias"], index)
        parse('{1,2}')
        >>> cover([row.name for row in index if row.ndim == 1], index)
        parse(':bias')
    """
    goal = _goal(names, index, free)
    return made(min(_ways(goal), key=_cost))


def _goal(names: Iterable[str], index: Index, free: Iterable[str]) -> Goal:
    wanted = np.zeros(len(index), dtype=np.bool_)
    allowed = wanted.copy()
    wanted[[index.position(name) for name in names]] = True
    allowed[[index.position(name) for name in free]] = True
    if not wanted.any():
        raise SelectorError("A selector of names needs one name or more; found none.")
    return Goal(index, wanted, ~wanted & ~allowed)


def _cost(node: Node) -> int:
    text = node.text
    return len(text) + sum(letters * text.count(sign) for sign, letters in LONGER.items())


def _ways(goal: Goal) -> Iterator[Node]:
    if not goal.barred.any():
        yield ANYTHING
        return
    yield from _unions(goal)
    others = list(_unions(goal.turned()))
    yield from map(all_but, others)
    yield from _remainders(goal)


def _unions(goal: Goal) -> Iterator[Node]:
    """Modules and names alone; and with more and more roles and conditions that are right."""
    yield _joined([], goal)
    right = [(node, mask) for node, mask in goal.atoms if not (mask & goal.barred).any()]
    for kinds in (right, [(node, mask) for node, mask in right if isinstance(node, Role)]):
        yield from (_joined(chosen, goal) for chosen in _chosen(kinds, goal))


def _chosen(atoms: Sequence[tuple[Node, Mask]], goal: Goal) -> Iterator[list[tuple[Node, Mask]]]:
    """The part that says most, with the one that adds most, and so on while one adds something."""
    chosen: list[tuple[Node, Mask]] = []
    rest = goal.wanted
    while atoms:
        best = max(atoms, key=lambda atom: int((atom[1] & rest).sum()))
        if not (best[1] & rest).any():
            return
        chosen.append(best)
        rest = rest & ~best[1]
        yield [atom for atom in atoms if any(atom is one for one in chosen)]


def _joined(chosen: Sequence[tuple[Node, Mask]], goal: Goal) -> Node:
    rest = goal.left_by(mask for _, mask in chosen)
    nodes = [node for node, _ in chosen] + patterns(rest.index, rest.wanted, rest.barred)
    return either(*nodes) if len(nodes) > 1 else nodes[0]


def _remainders(goal: Goal) -> Iterator[Node]:
    """A role or condition that finds all that is wanted, without what it finds besides."""
    for node, mask in goal.atoms:
        surplus = mask & goal.barred
        if surplus.any() and not (goal.wanted & ~mask).any():
            outside = Goal(goal.index, surplus, goal.wanted)
            yield from (without(node, *_parts(one)) for one in _unions(outside))


def _parts(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, Or) else (node,)
