"""Lanes below the lines: filled while the parameters are frozen."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from paramgroups.reporting.families import Family, families_of, some
from paramgroups.reporting.tracks import NEVER, Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Colour = tuple[float, float, float, float]

# Of the height of the axes: for each lane, and for all of them at most.
LANE, MOST_FOR_LANES = 0.075, 0.5
THICK = 6  # points, where the lanes have all their height
TOLD = 16  # so many names have room
WORDS = "#444444"


def draw_lanes(axes: "Axes", tracks: Sequence[Track], shades: Mapping[str, Colour], end: int) -> float:
    """Draw a lane for those that are frozen at the same times.

    Args:
        axes: Where to.
        tracks: All of them.
        shades: The colour of each by its name; grey for those without.
        end: The last tick's end.

    Returns:
        The share of the height that all lanes take, from below.
    """
    lanes = families_of((track for track in tracks if track.frozen), lambda track: track.frozen)
    lane = min(LANE, MOST_FOR_LANES / max(1, len(lanes)))
    for place, family in enumerate(lanes):
        _draw_lane(axes, family, shades.get(family.tracks[0].name, WORDS), lane, place)
    for place in some(range(len(lanes)), TOLD):
        _tell(axes, lanes[place], lane * (place + 0.5), end)
    return lane * len(lanes)


def _draw_lane(axes: "Axes", family: Family, shade: Colour | str, lane: float, place: int) -> None:
    starts, ends = zip(*family.tracks[0].frozen, strict=True)
    axes.hlines(
        [lane * (place + 0.5)] * len(starts), starts, ends, colors=[shade], linewidth=THICK * lane / LANE,
        alpha=0.5, transform=axes.get_xaxis_transform(),
    )  # fmt: skip


def _tell(axes: "Axes", family: Family, height: float, end: int) -> None:
    """Whose lane it is, beside its first span, on the side where there is room."""
    start, stop = family.tracks[0].frozen[0]
    text = family.title if family.tracks[0].name == NEVER else f"{family.title} frozen"
    axes.text(
        (start or stop) if stop == end else stop, height, f" {text} ", fontsize="small", color=WORDS,
        va="center", ha="right" if stop == end else "left",
        transform=axes.get_xaxis_transform(), parse_math=False,
    )  # fmt: skip
