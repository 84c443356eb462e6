"""The middle of the last numbers and how far they lie from it, which a few wild ones do not move."""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

NORMAL = 1.4826
"""The standard deviation of normal numbers, in medians of their absolute deviations."""

SHARE = 16
"""A bound is taken anew with every sixteenth of a window: sorting it each time costs ten times more."""
EMPTY: Mapping[str, Any] = {"values": [], "new": [], "bound": None}
"""A window: its values, those that came since its bound was taken, and its bound."""


def remembered(
    window: Mapping[str, Any],
    value: float,
    size: int,
    least: int,
    bound: Callable[[Sequence[float]], float | None],
) -> dict[str, Any]:
    """A window with one more value; its bound is that of its last `size` values, if there are `least`.

    >>> remembered({"values": [1.0, 2.0], "new": [], "bound": 2.0}, 3.0, size=2, least=2, bound=max)
    {'values': [2.0, 3.0], 'new': [], 'bound': 3.0}
    """
    old, new = window["values"], [*window["new"], value]
    if len(new) < len(old) // SHARE and len(old) + len(new) != least:
        return {**window, "new": new}
    values = [*old, *new][-size:]
    return {**window, "values": values, "new": [], "bound": bound(values) if len(values) >= least else None}


def median(ordered: Sequence[float]) -> float:
    """The middle one, or the mean of the two.

    >>> median([1.0, 2.0, 4.0, 10.0])
    3.0
    """
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def deviation(ordered: Sequence[float], middle: float) -> float:
    """The median of |x − middle|, found without sorting again.

    >>> deviation([1.0, 2.0, 4.0, 10.0], 3.0)
    1.5
    """
    half = len(ordered) // 2
    if len(ordered) % 2:
        return _farthest_of(half + 1, ordered, middle)
    return (_farthest_of(half, ordered, middle) + _farthest_of(half + 1, ordered, middle)) / 2


def bound_of(values: Sequence[float], score: float, floor: float) -> float | None:
    """The x whose robust score is `score`: (x − median) / max(1.4826 × MAD, floor × |median|).

    None where no number is that: the values are all 0, which tell nothing of how large one may be, or so
    large that there is none above.

    >>> bound_of([2.0] * 20, score=10.0, floor=0.1)
    4.0
    """
    ordered = sorted(values)
    middle = median(ordered)
    spread = max(NORMAL * deviation(ordered, middle), floor * abs(middle))
    bound = middle + score * spread
    return bound if spread and math.isfinite(bound) else None


def _farthest_of(count: int, ordered: Sequence[float], middle: float) -> float:
    """How far off the farthest is of the `count` numbers nearest to the middle: they are neighbours."""
    starts = range(len(ordered) - count)
    first = bisect_left(starts, True, key=lambda i: middle - ordered[i] <= ordered[i + count] - middle)
    return max(middle - ordered[first], ordered[first + count - 1] - middle)
