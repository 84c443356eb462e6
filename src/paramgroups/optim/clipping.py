"""Clipping by norm: one factor for each group, found before anything is written."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from paramgroups.errors import OptimizerError, shown
from paramgroups.optim.backends.batch import Floats
from paramgroups.optim.columns import part_of
from paramgroups.optim.hyperparameters import CLIPPING, domain_of

CLIP_NORM, CLIP_ALONE = CLIPPING

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
    bounds = [_bound(group, number) for number, group in enumerate(groups)]
    scopes: dict[Hashable, list[int]] = {}
    for number, (group, bound) in enumerate(zip(groups, bounds, strict=True)):
        if bound is not None:
            scopes.setdefault((bound, number if group.get(CLIP_ALONE) else None), []).append(number)
    factors = np.ones(len(groups))
    for members in scopes.values():
        norm = np.sqrt(squares[members].sum())
        factors[members] = np.minimum(1.0, bounds[members[0]] / (norm + SMALL))  # NaN stays NaN
    return factors


def _bound(group: Mapping[str, Any], number: int) -> Any:
    bound = group.get(CLIP_NORM)
    if bound is None:
        return None
    value = part_of(bound, CLIP_NORM)
    if isinstance(value, bool) or value not in domain_of(CLIP_NORM):
        raise OptimizerError(
            f"clip_norm={shown(bound)} in group {number}: it must be a number, {domain_of(CLIP_NORM)}, "
            "or None, which clips nothing."
        )
    return value
