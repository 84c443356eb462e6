"""A log in memory: for notebooks, and for tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Memory:
    """All that was logged, as it came.

    Attributes:
        rows: The step, the name and the value of each number.
        texts: The step, the name and the words of each text.

    Example:
        >>> log = Memory()
        >>> log.numbers({"lr/head": 0.1}, 0)
        >>> log.numbers({"lr/head": 0.05}, 1)
        >>> log.series("lr/head")
        {0: 0.1, 1: 0.05}
    """

    rows: list[tuple[int, str, float]] = field(default_factory=list)
    texts: list[tuple[int | None, str, str]] = field(default_factory=list)

    def numbers(self, found: Mapping[str, float], step: int) -> None:
        """Keep numbers."""
        self.rows += [(step, name, value) for name, value in found.items()]

    def text(self, name: str, text: str, step: int | None) -> None:
        """Keep a text."""
        self.texts.append((step, name, text))

    def close(self) -> None:
        """Nothing is open."""

    def series(self, name: str) -> dict[int, float]:
        """The numbers of one name, by step; the last one where a step has several."""
        return {step: value for step, each, value in self.rows if each == name}
