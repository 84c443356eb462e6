"""What controllers may change: their groups exist from the start, so that no rule of theirs cuts one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from paramgroups.errors import NoMatchError, ParamGroupsError, PlanError
from paramgroups.indexing import Index
from paramgroups.planning.matching import Codes, Pins, nearest_hint, whole_of
from paramgroups.rules import Controller, Recipe
from paramgroups.select import Selector


class Watched(NamedTuple):
    """A selector of a controller, and for each parameter 1 where it matches."""

    controller: Controller
    selector: Selector
    codes: Codes


def watches_of(recipe: Recipe, index: Index, pins: Pins) -> tuple[Watched, ...]:
    """The selectors of all controllers, each once.

    Raises:
        NoMatchError: One matches nothing.
        PlanError: One matches rows of a tensor.
    """
    watches: dict[Selector, Watched] = {}
    for controller in recipe.controllers:
        for selector in controller.selectors:
            if selector not in watches:
                watches[selector] = Watched(
                    controller, selector, _codes(controller, selector, recipe, index, pins)
                )
    return tuple(watches.values())


def kinds_of(trainable: Codes, watches: Sequence[Watched]) -> Codes:
    """A number for each parameter, the same where the model and all controllers treat them alike."""
    kinds = trainable
    for watch in watches:
        _, kinds = np.unique(2 * kinds + watch.codes, return_inverse=True)
    return kinds


def watched_at(position: int, watches: Sequence[Watched]) -> tuple[str, ...]:
    """The selectors of controllers that match the parameter at a position of the index."""
    return tuple(watch.selector.text for watch in watches if watch.codes[position])


def _codes(controller: Controller, selector: Selector, recipe: Recipe, index: Index, pins: Pins) -> Codes:
    place = f"Controller {controller.title} of r{whole_of(recipe)[1:]}"
    try:
        found = selector.select(index, pins)
    except ParamGroupsError as error:
        raise type(error)(f"{error}\n  {place}.") from error
    if found.rows:
        raise PlanError(
            f'"{selector.written}" selects rows, and a controller changes whole groups: leave the rows out.'
            f"\n  {place}."
        )
    if not found:
        hint = nearest_hint(selector, index, pins)
        for rule in recipe.rules:
            if rule.group == selector.text:
                hint = f'\n  It names a group, and a controller takes a selector: "{rule.selector.text}".'
        raise NoMatchError(
            f'"{selector.written}" matches none of {len(index):,} parameters.{hint}\n  {place}.'
        )
    return found.whole.astype(np.int64)
