"""Each group's rate over training, drawn from a plan; matplotlib is imported when a figure is made."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isnan, nan
from typing import TYPE_CHECKING, Literal, NamedTuple

from paramgroups.errors import ParamGroupsError, PlanError
from paramgroups.planning import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 130  # letters stay readable where the picture is shown at half its size
# Viridis, without its pale end: told apart with any colour vision, and in print.
DARKEST, PALEST = 0.0, 0.75
# Of the height of the axes: for each group that is frozen at some time, and for all of them at most.
LANE, MOST_FOR_LANES = 0.075, 0.5
WORDS = "#444444"
NEVER = "never trained"
MANY = 60  # ticks, from which on a smooth line shows no less than one of steps
DEEPEST = 1e-4  # of the highest rate: a decay to almost nothing does not squeeze all else

Colour = tuple[float, float, float, float]


class MissingPackageError(ParamGroupsError):
    """A picture is asked for, and matplotlib is not installed."""


class Track(NamedTuple):
    """A group over training.

    Attributes:
        name: The group's name.
        rates: The rate at each tick; NaN where it is frozen, or 0.
        frozen: The spans of ticks in which it is frozen, from the first to before the last.
    """

    name: str
    rates: list[float]
    frozen: list[tuple[int, int]]


def new_figure(width: int, height: int) -> "Figure":
    """An empty figure of so many pixels.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # an extra: only pictures need it
    except ImportError as error:
        raise MissingPackageError(
            f'A picture needs matplotlib: {error}.\n  Install it: pip install "paramgroups[plot]"'
        ) from error
    return Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained", facecolor="white")


def rates_figure(plan: Plan, width: int = 1000, height: int = 560) -> "Figure":
    """Each group's rate over training, as a figure with a legend.

    Args:
        plan: The plan; its horizon has an end.
        width: In pixels.
        height: In pixels.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it. No window opens.

    Raises:
        PlanError: The horizon has no end, or nothing is ever trained.
        MissingPackageError: matplotlib is not installed.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> from paramgroups.reporting.rates import rates_figure
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("2", lr_scale=10)])
        >>> figure = rates_figure(pg.plan(model, recipe, steps=100))
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['default', '2']
    """
    figure = new_figure(width, height)
    axes = figure.add_subplot()
    draw_rates(axes, plan)
    axes.set_title(plan.title, loc="left")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def draw_rates(axes: "Axes", plan: Plan) -> None:
    """Draw each group's rate over training on a logarithmic scale, one labelled line a group.

    Below the rates lies a lane for each group that is frozen at some time, filled while it is.

    Raises:
        PlanError: The horizon has no end, or nothing is ever trained.
    """
    tracks = list(tracks_of(plan))
    rates = [rate for track in tracks for rate in track.rates if not isnan(rate)]
    if not rates:
        raise PlanError("There is no rate to draw: nothing is trained at any step.")
    lanes = [track.name for track in tracks if track.frozen]
    lane = min(LANE, MOST_FOR_LANES / max(1, len(lanes)))
    ticks = len(tracks[0].rates)
    style: Literal["steps-post", "default"] = "steps-post" if ticks < MANY else "default"
    for track, colour in zip(tracks, colours(len(tracks)), strict=True):
        values = [*track.rates, track.rates[-1]]  # the last is held to the end of its tick
        axes.plot(values, label=track.name, color=colour, linewidth=2.2, drawstyle=style)
        if track.frozen:
            _draw_frozen(axes, track, colour, lane * (lanes.index(track.name) + 0.5))
    axes.set_yscale("log")
    axes.set_ylim(*_limits(rates, lane * len(lanes)))
    axes.set_xlim(0, ticks)
    axes.set_xlabel(plan.horizon.unit)
    axes.set_ylabel("learning rate")
    axes.spines[["top", "right"]].set_visible(False)


def tracks_of(plan: Plan) -> Iterator[Track]:
    """Each group over training, and what is never trained, if anything.

    Raises:
        PlanError: The horizon has no end.
    """
    if plan.horizon.ticks is None:
        raise PlanError("Rates over training: it has no known end. Plan with steps= or epochs=.")
    if plan.frozen:
        ticks = plan.horizon.ticks
        yield Track(NEVER, [nan] * ticks, [(0, ticks)])
    for group in plan.groups:
        trainable = plan.curve(group.names[0], "trainable")
        rates = plan.curve(group.names[0])
        shown = [rate if live and rate > 0 else nan for rate, live in zip(rates, trainable, strict=True)]
        yield Track(group.name, shown, _spans(trainable))


def colours(count: int) -> list[Colour]:
    """So many colours from dark to pale, for groups from the input to the output."""
    from matplotlib import colormaps  # noqa: PLC0415  # an extra: only pictures need it

    steps = [DARKEST + (PALEST - DARKEST) * place / max(1, count - 1) for place in range(count)]
    return [colormaps["viridis"](step) for step in steps]


def _spans(trainable: Sequence[bool]) -> list[tuple[int, int]]:
    """The spans of ticks that are not trainable."""
    edges = [0, *(t for t in range(1, len(trainable)) if trainable[t] != trainable[t - 1]), len(trainable)]
    return [(start, end) for start, end in pairwise(edges) if not trainable[start]]


def _draw_frozen(axes: "Axes", track: Track, colour: Colour, height: float) -> None:
    across = axes.get_xaxis_transform()
    for start, end in track.frozen:
        axes.hlines(height, start, end, colors=[colour], linewidth=6, alpha=0.5, transform=across)
    text = f" {track.name}" if track.name == NEVER else f" {track.name} frozen"
    place = track.frozen[0][1], height
    axes.text(*place, text, fontsize="small", color=WORDS, va="center", transform=across)


def _limits(rates: Sequence[float], below: float) -> tuple[float, float]:
    """Limits of a logarithmic axis that leave a share of its height free below the rates."""
    high = max(rates) * 1.5
    low = max(min(rates), max(rates) * DEEPEST) / 1.5
    return low * (low / high) ** (below / (1 - below)), high
