"""What a recipe's file may name by `use` under its controllers."""

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

from paramgroups.control.greed import greedy
from paramgroups.control.plateaus import plateau
from paramgroups.control.watching import Watcher
from paramgroups.errors import RuleError, nearest
from paramgroups.rules import Controller
from paramgroups.rules.toml import NONE


def _made(kind: type[Watcher], select: Any, metric: Any, **options: Any) -> Controller:
    """The controller that the keys of a table describe.

    Raises:
        RuleError: It has no such option, or one is out of its range.
        SelectorError: The selector is not in the language.
    """
    known = [field.name for field in fields(kind) if field.kw_only]
    for option in options:
        if option not in known:
            raise RuleError(f"{kind.__name__} has no option {option!r}. {nearest(option, known)}")
    given: dict[str, Any] = {option: None if value == NONE else value for option, value in options.items()}
    return kind(select, metric, **given)


MAKERS: dict[str, Callable[..., Controller]] = {
    kind.__name__: partial(_made, kind) for kind in (plateau, greedy)
}
"""By the word that `use` names; a user's function is no data."""
