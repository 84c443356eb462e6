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


def _made(kind: type[Watcher], /, **given: Any) -> Controller:
    """The controller that the keys of a table describe.

    Raises:
        RuleError: A key is lacking or not known, or an option is out of its range.
        SelectorError: The selector is not in the language.
    """
    known = ["select", "metric", *(field.name for field in fields(kind) if field.kw_only)]
    for option in given:
        if option not in known:
            raise RuleError(f"{kind.__name__} has no option {option!r}. {nearest(option, known)}")
    if absent := [needed for needed in ("select", "metric") if needed not in given]:
        raise RuleError(f"{kind.__name__} lacks {' and '.join(absent)}. It takes: {', '.join(known)}.")
    options: dict[str, Any] = {option: None if value == NONE else value for option, value in given.items()}
    return kind(options.pop("select"), options.pop("metric"), **options)


MAKERS: dict[str, Callable[..., Controller]] = {
    kind.__name__: partial(_made, kind) for kind in (plateau, greedy)
}
"""By the word that `use` names; a user's function is no data."""
