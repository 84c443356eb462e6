"""Arguments of a host that say what a recipe says too: named, and the recipe wins."""

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

from paramgroups.errors import shown
from paramgroups.rules import Recipe

RULE = "The recipe wins, and these are passed over. Take them away, or write what they say into the recipe."


class Passed(NamedTuple):
    """An argument that is passed over.

    Attributes:
        name: As the user writes it.
        value: What it was given.
        instead: What of the recipe says it: `"lr"`, `"schedule"`.
    """

    name: str
    value: Any
    instead: str

    def __str__(self) -> str:
        return f"{self.name}={shown(self.value)} (the recipe's {self.instead})"


def clips(recipe: Recipe) -> bool:
    """Whether a recipe clips anything; `clip_norm=None` says that it does not.

    Example:
        >>> import paramgroups as pg
        >>> [clips(pg.Recipe(optimizer="sgd", lr=0.1, clip_norm=norm)) for norm in (1.0, None)]
        [True, False]
    """
    said = [*recipe.assignments, *(one for rule in recipe.rules for one in rule.assignments)]
    return any(one.name == "clip_norm" and one.value is not None for one in said)


def warn_of(host: str, passed: Iterable[Passed], stacklevel: int = 3) -> None:
    """Warn once of all arguments that are passed over; say nothing where there is none.

    Args:
        host: Whose they are, as the user knows it: `"TrainingArguments"`.
        passed: The arguments.
        stacklevel: Whose line the warning names, as `warnings.warn` has it.
    """
    if told := "; ".join(map(str, passed)):
        warnings.warn(f"{host}: {told}. {RULE}", UserWarning, stacklevel=stacklevel)
