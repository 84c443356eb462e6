"""Each group's rate over training, or any other hyperparameter, drawn into axes."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isnan, nan
from typing import TYPE_CHECKING, Literal

from paramgroups.planning import Plan
from paramgroups.reporting.families import Family, families_of
from paramgroups.reporting.lanes import Colour, draw_lanes
from paramgroups.reporting.scales import set_scale
from paramgroups.reporting.tracks import Track, end_of, never_trained, tracks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Viridis, without its pale end: told apart with any colour vision, and in print.
DARKEST, PALEST = 0.0, 0.75
THICK, THIN, FEW = 2.2, 1.2, 30  # so many lines may be thick
MANY = 60  # ticks, from which on a smooth line shows no less than one of steps
WORDS = {"lr": "learning rate"}


def draw_rates(axes: "Axes", plan: Plan, hyper: str = "lr", *, log: bool | None = None) -> list[Family]:
    """Draw a labelled line for each group, of one colour where they are the same line.

    Below the lines lies a lane for those that are frozen at the same times, filled while they are.

    Args:
        axes: Where to.
        plan: The plan; its horizon has an end.
        hyper: The hyperparameter.
        log: Whether the axis is logarithmic; by default where values span two decades or more.

    Returns:
        The groups that are the same line, from the input to the output.

    Raises:
        PlanError: The horizon has no end, nothing is ever trained, or no group has such a number.
    """
    end, tracks = end_of(plan), tracks_of(plan, hyper)
    families = families_of(tracks, lambda track: (track.ticks, track.values))
    shades = _shades(families)
    style: Literal["steps-post", "default"] = "steps-post" if end < MANY else "default"
    thick = THICK if len(families) <= FEW else THIN
    for track in tracks:
        x, y = zip(*points(track, end), strict=True)
        axes.plot(x, y, label=track.name, color=shades[track.name], linewidth=thick, drawstyle=style)
    below = draw_lanes(axes, [*never_trained(plan), *tracks], shades, end)
    _clip(axes, below)
    set_scale(axes, [v for track in tracks for v in track.values if not isnan(v)], below, log=log)
    _set_time(axes, end, plan.horizon.unit)
    axes.set_ylabel(WORDS.get(hyper, hyper))
    axes.spines[["top", "right"]].set_visible(False)
    return families


def points(track: Track, end: int) -> Iterator[tuple[int, float]]:
    """What is drawn of a track: each value is held to the end of its tick, where a gap or nothing follows."""
    known = zip(track.ticks, track.values, strict=True)
    for (tick, value), (later, following) in pairwise([*known, (end, nan)]):
        yield tick, value
        if isnan(following):
            yield later, value


def colours(count: int) -> list[Colour]:
    """So many colours from dark to pale, for lines from the input to the output."""
    from matplotlib import colormaps  # noqa: PLC0415  # an extra: only pictures need it

    steps = [DARKEST + (PALEST - DARKEST) * place / max(1, count - 1) for place in range(count)]
    return [colormaps["viridis"](step) for step in steps]


def _set_time(axes: "Axes", end: int, unit: str) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # an extra: only pictures need it

    axes.set_xlim(0, end)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(unit)


def _clip(axes: "Axes", below: float) -> None:
    """Keep lines out of the lanes, where a value decays to almost nothing."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415  # an extra: only pictures need it

    for line in axes.lines:
        line.set_clip_path(Rectangle((0, below), 1, 1, transform=axes.transAxes))


def _shades(families: Sequence[Family]) -> dict[str, Colour]:
    shades = colours(len(families))
    return {
        track.name: shade for family, shade in zip(families, shades, strict=True) for track in family.tracks
    }
