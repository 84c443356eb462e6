"""What an optimizer refuses when it is made, and when a group is added."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from paramgroups.errors import OptimizerError, nearest
from paramgroups.optim.classes import LONGEST
from paramgroups.optim.columns import numbers_of
from paramgroups.optim.hyperparameters import SWITCHES, is_number, key_of, unpack

ALIKE = 0.87
"""How alike a key is to one that it was meant to be: `momentm` is, `max_momentum` is not."""


def check_settings(optimizer: str, settings: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a setting that an optimizer does not read.

    Raises:
        OptimizerError: It reads none of that name.
    """
    known = [*known]
    for name in settings:
        if name not in known and name not in SWITCHES:
            raise OptimizerError(f'{optimizer} reads no "{name}". {nearest(name[:LONGEST], known)}')


def check_keys(optimizer: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Refuse a key of a group that is nearly one that is read; others may be somebody else's.

    Raises:
        OptimizerError: Nobody reads it, and it is as good as one that somebody does.
    """
    for key in given:
        if key not in known and (near := get_close_matches(str(key)[:LONGEST], known, 1, ALIKE)):
            raise OptimizerError(f'{optimizer} reads no "{key}" of a group. Nearest: "{near[0]}".')


def check_values(group: Mapping[str, Any], defaults: Mapping[str, Any], called: str) -> None:
    """Refuse values that a rule cannot be applied with.

    Raises:
        OptimizerError: One is out of its domain, or no number.
    """
    for name, default in unpack(defaults).items():
        if is_number(default):
            numbers_of(name, [group.get(key_of(name))], lambda _: called)


def check_together(optimizer: str, wrong: str | None) -> None:
    """Refuse values that do not go together.

    Raises:
        OptimizerError: Something is wrong with them.
    """
    if wrong is not None:
        raise OptimizerError(f"{optimizer}: {wrong}")
