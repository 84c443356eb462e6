"""Clipping by norm: one factor for each group, found before anything is written."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paramgroups.errors import OptimizerError
from paramgroups.optim.backends.batch import Floats, Ints
from paramgroups.optim.columns import Called, numbers_of
from paramgroups.optim.hyperparameters import CLIPPING, domain_of

CLIP_NORM, CLIP_ALONE = CLIPPING

NO_BOUND = "or None, which clips nothing."

SMALL = 1e-6
"""Added to a norm, as `torch.nn.utils.clip_grad_norm_` does."""


def clips(groups: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any group is clipped."""
    return any([group.get(CLIP_NORM) is not None for group in groups])  # noqa: C419  # twice as fast as one by one


def factors_of(groups: Sequence[Mapping[str, Any]], squares: Floats) -> Floats:
    """What each group's gradients are multiplied by, so that no norm is above its bound.

    min(1, bound / (√Σg² + 1e-6)), the sum being over all groups that have the same bound, or over the group
    alone where it has `clip_alone`. 1 where a group has no bound.

    Args:
        groups: The groups.
        squares: Σg² of each.

    Raises:
        OptimizerError: A bound is no positive number.

    Example:
        >>> groups = [{"clip_norm": 1.0}, {"clip_norm": 1.0}, {}]
        >>> factors_of(groups, np.array([9.0, 16.0, 1.0])).round(3).tolist()
        [0.2, 0.2, 1.0]
    """
    places, bounds, scopes = bounds_of(groups)
    norms = np.sqrt(np.bincount(scopes, squares[places]))[scopes]
    factors = np.ones(len(groups))
    factors[places] = np.minimum(1.0, bounds / (norms + SMALL))  # a norm that is NaN stays NaN
    return factors


def bounds_of(groups: Sequence[Mapping[str, Any]]) -> tuple[list[int], Floats, Ints]:
    """Which groups are clipped, to which bound, and with whom: those of one number make one norm.

    Args:
        groups: The groups.

    Raises:
        OptimizerError: A bound is no positive number.

    Example:
        >>> bounds_of([{}, {"clip_norm": 2.0}, {"clip_norm": 2.0, "clip_alone": True}])
        ([1, 2], array([2., 2.]), array([0, 1]))
    """
    asked = [group.get(CLIP_NORM) for group in groups]
    places = [number for number, bound in enumerate(asked) if bound is not None]
    bounds = _bounds([asked[number] for number in places], lambda at: f"group {places[at]}")
    _, scopes = np.unique(bounds, return_inverse=True)
    alone = np.array([bool(groups[number].get(CLIP_ALONE)) for number in places], np.bool_)
    scopes = np.where(alone, len(places) + np.arange(len(places)), scopes)
    return places, bounds, np.unique(scopes, return_inverse=True)[1]


def _bounds(asked: Sequence[Any], called: Called) -> Floats:
    switch = next((place for place, bound in enumerate(asked) if isinstance(bound, bool)), None)
    if switch is not None:
        found = f"clip_norm={asked[switch]} in {called(switch)}"
        raise OptimizerError(f"{found}: it must be a number, {domain_of(CLIP_NORM)}, {NO_BOUND}")
    try:
        return numbers_of(CLIP_NORM, asked, called)
    except OptimizerError as error:
        raise OptimizerError(f"{str(error).rstrip('.')}, {NO_BOUND}") from error
