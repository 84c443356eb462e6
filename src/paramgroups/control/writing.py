"""A controller of a selector and options that is written as a word: its repr pastes back, and it is data."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from paramgroups.control.checks import CHECKS
from paramgroups.errors import RuleError
from paramgroups.rules import Controller
from paramgroups.select import Selector, as_selector


@dataclass(frozen=True, repr=False)
class Written(Controller):
    """What the controllers share that are written as a word in a recipe."""

    selector: Selector | str

    checks: ClassVar[Mapping[str, Callable[[str, Any], Any]]] = CHECKS

    def __post_init__(self) -> None:
        for field in fields(self):
            value = self.checks[field.name](field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """Its selector."""
        return (as_selector(self.selector),)

    @property
    def word(self) -> str:
        """What it is written as."""
        return type(self).__name__

    @property
    def title(self) -> str:
        """Its word, its selector and its metric."""
        named = (json.dumps(text, ensure_ascii=False) for text in (self.selectors[0].text, *self.metrics))
        return f"{self.word}({', '.join(named)})"

    def options(self) -> dict[str, Any]:
        """What differs from what is taken when unsaid."""
        found = {
            field.name: (getattr(self, field.name), field.default) for field in fields(self) if field.kw_only
        }
        return {name: value for name, (value, default) in found.items() if value != default}

    def to_data(self) -> dict[str, Any]:
        """Itself as plain data.

        Raises:
            RuleError: Its selector is a function.
        """
        selector = self.selectors[0]
        if selector.opaque:
            raise RuleError(
                f"{self.title}: its selector is a function, and a function is no data. Write a text."
            )
        return {"use": self.word, "select": selector.text} | self._placed() | self.options()

    def __repr__(self) -> str:
        selector = self.selectors[0]
        parts = [repr(selector if selector.opaque else selector.text), *map(repr, self._placed().values())]
        parts += [f"{name}={value!r}" for name, value in self.options().items()]
        return f"{self.word}({', '.join(parts)})"

    def _placed(self) -> dict[str, Any]:
        """What is given by its place after the selector."""
        placed = [field.name for field in fields(self) if not field.kw_only][1:]
        return {name: value for name in placed if (value := getattr(self, name)) is not None}
