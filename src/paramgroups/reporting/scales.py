"""The axis of values: linear or logarithmic, with room below for the lanes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECADES = 100  # times the smallest value, from which on a logarithmic axis shows more than a linear one
DEEPEST = 1e-4  # of the highest value: a decay to almost nothing does not squeeze all else
ROOM = 0.06  # of the height of a linear axis, above and below the lines


def set_scale(axes: "Axes", values: Sequence[float], below: float, *, log: bool | None) -> None:
    """Set the axis so that all values lie on it, above a share of its height.

    Args:
        axes: Whose.
        values: All that are drawn; on a logarithmic axis those above 0 have a place.
        below: The share.
        log: Whether it is logarithmic; by default where values span two decades or more.
    """
    positive = [value for value in values if value > 0]
    wide = bool(positive) and max(positive) >= DECADES * min(positive)
    if positive and (wide if log is None else log):
        axes.set_yscale("log", nonpositive="mask")
        axes.set_ylim(*log_limits(positive, below))
        return
    low, high = linear_limits(values)
    axes.set_ylim(low - (high - low) * below / (1 - below), high)
    if below:
        axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])


def log_limits(values: Sequence[float], below: float) -> tuple[float, float]:
    """Limits of a logarithmic axis that leave a share of its height free below the values."""
    high = max(values) * 1.5
    low = max(min(values), max(values) * DEEPEST) / 1.5
    return low * (low / high) ** (below / (1 - below)), high


def linear_limits(values: Sequence[float]) -> tuple[float, float]:
    """Limits of a linear axis: from 0 where the smallest value is nearer to it than to the largest."""
    low, high = min(values), max(values)
    if 0 <= 2 * low <= high:
        low = 0.0
    room = ROOM * (high - low or abs(high) or 1.0) or ROOM  # a share of the smallest numbers is nothing
    return low - room, high + room
