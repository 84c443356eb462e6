"""Selectors made of selectors: both, either, all but, and without."""

from dataclasses import dataclass
from functools import reduce
from operator import and_, or_, sub
from typing import ClassVar

import numpy as np

from paramgroups.errors import SelectorError
from paramgroups.select.nodes import TIGHT, Leaf, Node, Path, Rows, Scope
from paramgroups.select.selection import Selection

DEEPEST = 50  # parts within parts, so that no walk over a selector runs out of stack


@dataclass(frozen=True)
class Operator(Node):
    """An operator and its parts."""

    parts: tuple[Node, ...]
    sign: ClassVar[str]
    rank: ClassVar[int]

    @property
    def strength(self) -> int:
        """The operator's rank."""
        return self.rank

    @property
    def text(self) -> str:
        """The parts with the sign between them."""
        return f" {self.sign} ".join(self._operands())

    def _operands(self) -> list[str]:
        return [part.text if part.strength > self.rank else f"({part.text})" for part in self.parts]


@dataclass(frozen=True)
class Or(Operator):
    """`a | b`: either."""

    sign = "|"
    rank = 1

    def select(self, scope: Scope) -> Selection:
        """What any part finds; plain names, of which a saved plan lists many, are looked up."""
        mask = np.zeros(len(scope.index), dtype=np.bool_)
        others: list[Node] = []
        for part in self.parts:
            name = part.plain if isinstance(part, Path) else None
            if name is not None and name in scope.index.positions:
                mask[scope.index.positions[name]] = True
            else:
                others.append(part)
        return reduce(or_, (part.select(scope) for part in others), Selection(scope.index, mask))


@dataclass(frozen=True)
class Minus(Operator):
    """`a - b - c`: the first without the others."""

    sign = "-"
    rank = 2

    def select(self, scope: Scope) -> Selection:
        """What the first part finds and no other does."""
        return reduce(sub, (part.select(scope) for part in self.parts))


@dataclass(frozen=True)
class And(Operator):
    """`a & b`, or `a` and `b` side by side: both."""

    sign = "&"
    rank = 3

    @property
    def strength(self) -> int:
        """Side by side binds most tightly."""
        return TIGHT if self._side_by_side else self.rank

    @property
    def text(self) -> str:
        """The parts side by side where that reads well, else with the sign between them."""
        return ("" if self._side_by_side else " & ").join(self._operands())

    @property
    def _side_by_side(self) -> bool:
        return all(isinstance(part, Leaf | Rows) for part in self.parts) and not any(
            part.subject for part in self.parts[1:]
        )

    def select(self, scope: Scope) -> Selection:
        """What all parts find; rows are counted in what the others found."""
        cuts = [part for part in self.parts if isinstance(part, Rows)]
        others = [part.select(scope) for part in self.parts if not isinstance(part, Rows)]
        everything = Selection(scope.index, np.ones(len(scope.index), dtype=np.bool_))
        return reduce(lambda found, cut: cut.restrict(found), cuts, reduce(and_, others, everything))


@dataclass(frozen=True)
class Not(Operator):
    """`~a`: all but these."""

    sign = "~"
    rank = 4

    @property
    def text(self) -> str:
        """The sign and the part."""
        (part,) = self.parts
        return f"~{part.text}" if part.strength >= self.rank else f"~({part.text})"

    def select(self, scope: Scope) -> Selection:
        """What its part does not find."""
        (part,) = self.parts
        return ~part.select(scope)


def both(*parts: Node) -> Node:
    """`a & b`, with what is of the same operator taken into one."""
    return _low(And(tuple(inner for part in parts for inner in _of(And, part))))


def either(*parts: Node) -> Node:
    """`a | b`, with what is of the same operator taken into one."""
    return _low(Or(tuple(inner for part in parts for inner in _of(Or, part))))


def without(first: Node, *others: Node) -> Node:
    """`a - b`: `(a - b) - c` is taken into one."""
    return _low(Minus((*_of(Minus, first), *others)))


def all_but(part: Node) -> Node:
    """`~a`."""
    return _low(Not((part,)))


def _of(kind: type[Operator], part: Node) -> tuple[Node, ...]:
    return part.parts if isinstance(part, kind) else (part,)


def _low(node: Node) -> Node:
    if node.height > DEEPEST:
        raise SelectorError(f"This selector nests parts more than {DEEPEST} deep. Split the rule.")
    return node
