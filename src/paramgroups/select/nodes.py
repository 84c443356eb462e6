"""A selector as a tree: what all its parts have in common, and the parts that look at one thing each."""

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from paramgroups.errors import SelectorError
from paramgroups.indexing.index import Index
from paramgroups.indexing.row import Row
from paramgroups.select.paths import under
from paramgroups.select.segments import BARE, Segment
from paramgroups.select.selection import Mask, Selection
from paramgroups.select.tokens import quote

Pins = Mapping[str, Mapping[str, float]]
TIGHT = 5
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Scope:
    """What is selected from, and what is known of the values: statistic to name to number."""

    index: Index
    pins: Pins


class Node(ABC):
    """A part of a selector: it has a text, and finds a selection.

    Attributes:
        parts: The parts that it is made of.
        subject: Whether it says *which* names, as a path does; two such do not stand side by side.
    """

    parts: tuple["Node", ...] = ()
    subject: ClassVar[bool] = False

    @property
    @abstractmethod
    def text(self) -> str:
        """Its canonical text form."""

    @property
    def strength(self) -> int:
        """How tightly it holds together in a text; a weaker part needs parentheses."""
        return TIGHT

    @property
    def statistics(self) -> frozenset[str]:
        """The statistics of the values that it reads."""
        return frozenset().union(*(part.statistics for part in self.parts))

    @property
    def opaque(self) -> bool:
        """Whether a user's function decides, so that no text says it all."""
        return any(part.opaque for part in self.parts)

    @property
    def height(self) -> int:
        """How many levels of parts are below it."""
        return 1 + max((part.height for part in self.parts), default=-1)

    @abstractmethod
    def select(self, scope: Scope) -> Selection:
        """What it finds in an index."""


class Leaf(Node):
    """A part that takes tensors whole."""

    @abstractmethod
    def mask(self, scope: Scope) -> Mask:
        """Which parameters it takes."""

    def select(self, scope: Scope) -> Selection:
        """These parameters, whole."""
        return Selection(scope.index, self.mask(scope))


def passing(index: Index, attribute: str, test: Callable[[Any], bool]) -> Mask:
    """Which rows' attribute passes the test, which is asked once for each distinct value."""
    values, places = index.distinct(attribute)
    return np.array([test(value) for value in values], dtype=np.bool_)[places]


@lru_cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression, without Python's advice on its style."""
    with warnings.catch_warnings(action="ignore"):
        return re.compile(pattern)


@dataclass(frozen=True)
class Path(Leaf):
    """`encoder.*.bias`: the parameter of such a name, or all under such a module."""

    segments: tuple[Segment, ...]
    subject = True

    @property
    def text(self) -> str:
        """The segments with dots between them."""
        return ".".join(segment.text for segment in self.segments)

    @property
    def plain(self) -> str | None:
        """The name that it stands for, when there is only one."""
        words = [segment.literal for segment in self.segments]
        return None if None in words else ".".join(word for word in words if word is not None)

    def mask(self, scope: Scope) -> Mask:
        """The parameters on or under the path."""
        return under(scope.index.spelling, self.segments, len(scope.index))


@dataclass(frozen=True)
class Regex(Leaf):
    r"""`/blocks\.\d+\.attn\..*/`: a name or an alias that the whole regular expression matches."""

    pattern: str
    subject = True

    @property
    def text(self) -> str:
        """The pattern between slashes."""
        return "/" + self.pattern.replace("/", r"\/") + "/"

    def mask(self, scope: Scope) -> Mask:
        """The parameters with such a name."""
        mask = np.zeros(len(scope.index), dtype=np.bool_)
        fits = compiled(self.pattern).fullmatch
        mask[[position for name, position in scope.index.positions.items() if fits(name)]] = True
        return mask


@dataclass(frozen=True)
class Role(Leaf):
    """`:bias`: a role, one of all that the parameter has."""

    role: str

    @property
    def text(self) -> str:
        """The role behind a colon."""
        return f":{self.role}"

    def mask(self, scope: Scope) -> Mask:
        """The parameters that have the role."""
        return passing(scope.index, "roles", lambda roles: self.role in roles)


@dataclass(frozen=True)
class Type(Leaf):
    """`@LayerNorm`: the class of the module that holds the parameter, or a base of it."""

    name: str

    @property
    def text(self) -> str:
        """The class behind an at sign."""
        return "@" + (self.name if WORD.fullmatch(self.name) else quote(self.name))

    def mask(self, scope: Scope) -> Mask:
        """The parameters of such modules."""
        return passing(scope.index, "module_bases", lambda bases: self.name in bases)


@dataclass(frozen=True)
class Where(Leaf):
    """A user's function of the row."""

    label: str
    function: Callable[[Row], bool]

    @property
    def text(self) -> str:
        """For display: no text says what a function does."""
        return f"where({self.label if BARE.fullmatch(self.label) else quote(self.label)})"

    @property
    def opaque(self) -> bool:
        """It is."""
        return True

    def mask(self, scope: Scope) -> Mask:
        """The rows for which the function is true."""
        return np.array([self._holds(row) for row in scope.index], dtype=np.bool_)

    def _holds(self, row: Row) -> bool:
        try:
            return bool(self.function(row))
        except Exception as error:
            raise SelectorError(f'{self.text} failed on "{row.name}": {error!r}.') from error


@dataclass(frozen=True)
class Rows(Node):
    """`[32000:]`: rows of dimension 0, counted as Python counts them."""

    start: int | None
    stop: int | None

    @property
    def text(self) -> str:
        """The two ends in brackets."""
        return "[" + ":".join("" if end is None else str(end) for end in (self.start, self.stop)) + "]"

    def select(self, scope: Scope) -> Selection:
        """These rows of every tensor."""
        return self.restrict(Selection(scope.index, np.ones(len(scope.index), dtype=np.bool_)))

    def restrict(self, selection: Selection) -> Selection:
        """These rows of what is selected.

        Raises:
            SelectorError: No tensor of the selection has rows.
        """
        names = selection.names
        if names and not any(selection.index[name].shape for name in names):
            asked = f'{self.text} asks for rows of "{names[0]}"'
            raise SelectorError(f"{asked}, which is a single number. Select it whole.")
        return selection.restrict(self.start, self.stop)
