"""What a recipe's file may name by `use` under its controllers."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import partial
from typing import Any

from paramgroups.control.divergences import divergence
from paramgroups.control.finite import nonfinite
from paramgroups.control.greed import greedy
from paramgroups.control.plateaus import plateau
from paramgroups.control.ratios import ratio
from paramgroups.control.rollbacks import rollback
from paramgroups.control.spikes import spike
from paramgroups.control.stops import stop
from paramgroups.control.writing import Written
from paramgroups.errors import RuleError, nearest
from paramgroups.rules import Controller
from paramgroups.rules.toml import NONE


def _made(kind: type[Any], /, **given: Any) -> Controller:
    """The controller that the keys of a table describe.

    Raises:
        RuleError: A key is lacking or not known, or an option is out of its range.
        SelectorError: The selector is not in the language.
    """
    options = {("select" if field.name == "selector" else field.name): field for field in fields(kind)}
    for option in given:
        if option not in options:
            raise RuleError(f"{kind.__name__} has no option {option!r}. {nearest(option, options)}")
    needed = [option for option, field in options.items() if field.default is MISSING]
    if absent := [option for option in needed if option not in given]:
        raise RuleError(f"{kind.__name__} lacks {' and '.join(absent)}. It takes: {', '.join(options)}.")
    values = {options[option].name: None if value == NONE else value for option, value in given.items()}
    made: Controller = kind(**values)
    return made


KINDS: tuple[type[Written], ...] = (
    plateau, greedy, nonfinite, spike, ratio, divergence, rollback, stop,
)  # fmt: skip

MAKERS: dict[str, Callable[..., Controller]] = {kind.__name__: partial(_made, kind) for kind in KINDS}
"""By the word that `use` names; a user's function is no data."""
