"""Selectors as users have them: read from text or made by functions, and joined by operators."""

from dataclasses import dataclass, field

from paramgroups.indexing.index import Index
from paramgroups.select.nodes import Node, Pins, Scope
from paramgroups.select.operators import all_but, both, either, without
from paramgroups.select.parser import read
from paramgroups.select.selection import Selection


@dataclass(frozen=True, repr=False)
class Selector:
    """Which parameters, or which rows of them: a set over any index, which knows no values.

    Selectors are joined by `&`, `|`, `-` and `~`, with each other and with text. Two are equal when they are
    the same expression.

    Attributes:
        node: The tree of its parts.
        written: Its text as the user wrote it; the canonical text where there was none.

    Example:
        >>> parse("encoder") - ":bias"
        parse('encoder - :bias')
    """

    node: Node
    written: str = field(compare=False)

    def select(self, index: Index, pins: Pins | None = None) -> Selection:
        """What it finds in an index.

        Args:
            index: The parameters to select from.
            pins: For each statistic that is asked for, its value for each parameter's canonical name.

        Raises:
            SelectorError: A value that it needs is not among the pins, or it asks for rows of a number.
        """
        return self.node.select(Scope(index, pins or {}))

    @property
    def text(self) -> str:
        """Its canonical text: `parse` reads it as an equal selector, unless it is opaque."""
        return self.node.text

    @property
    def statistics(self) -> frozenset[str]:
        """The statistics of the values that `select` needs among its pins."""
        return self.node.statistics

    @property
    def opaque(self) -> bool:
        """Whether a user's function decides, so that no text says it all."""
        return self.node.opaque

    def __and__(self, other: "Selector | str") -> "Selector":
        return made(both(self.node, as_selector(other).node))

    def __rand__(self, other: str) -> "Selector":
        return as_selector(other) & self

    def __or__(self, other: "Selector | str") -> "Selector":
        return made(either(self.node, as_selector(other).node))

    def __ror__(self, other: str) -> "Selector":
        return as_selector(other) | self

    def __sub__(self, other: "Selector | str") -> "Selector":
        return made(without(self.node, as_selector(other).node))

    def __rsub__(self, other: str) -> "Selector":
        return as_selector(other) - self

    def __invert__(self) -> "Selector":
        return made(all_but(self.node))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Selector {self.text}>" if self.opaque else f"parse({self.text!r})"


def parse(text: str) -> Selector:
    """Read a selector from its text form.

    Args:
        text: Names, roles, types and conditions, and operators between them: see `paramgroups.select`.

    Raises:
        SelectorError: The text is no selector. The message shows the place and says what was expected.

    Example:
        >>> parse("encoder.layer.{0..5} - :norm")
        parse('encoder.layer.{0..5} - :norm')
    """
    return Selector(read(text), text)


def as_selector(selector: Selector | str) -> Selector:
    """The selector itself, or the one that the text means.

    Raises:
        SelectorError: It is neither a selector nor the text of one.
    """
    return selector if isinstance(selector, Selector) else parse(selector)


def made(node: Node) -> Selector:
    """The selector of a tree that was not read from text."""
    return Selector(node, node.text)
