"""Each group's rate over training, drawn from a plan; matplotlib is imported when a figure is made."""

from collections.abc import Iterator, Sequence
from math import nan
from typing import TYPE_CHECKING, NamedTuple

from paramgroups.errors import ParamGroupsError, PlanError
from paramgroups.planning import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 130  # letters stay readable where the picture is shown at half its size
# Viridis, without its pale end: told apart with any colour vision, and in print.
DARKEST, PALEST = 0.0, 0.82
LANE = 0.075  # of the height of the axes, for each group that is frozen at some time
COLOUR_OF_WORDS = "#444444"
DEEPEST = 1e-4  # of the highest rate: a decay to almost nothing does not squeeze all else


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
            f'A picture needs matplotlib, which cannot be imported: {error}.\n  pip install "paramgroups[plot]"'
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
    rates = [rate for track in tracks for rate in track.rates if rate == rate]  # noqa: PLR0124  # NaN is none
    if not rates:
        raise PlanError("There is no rate to draw: nothing is trained at any step.")
    lanes = [track for track in tracks if track.frozen]
    for track, colour in zip(tracks, colours(len(tracks)), strict=True):
        axes.plot(track.rates, label=track.name, color=colour, linewidth=2.2)
        if track.frozen:
            _draw_frozen(axes, track, colour, LANE * (lanes.index(track) + 0.5))
    axes.set_yscale("log")
    axes.set_ylim(*_limits(rates, LANE * len(lanes)))
    axes.set_xlim(0, len(tracks[0].rates))
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
        yield Track("never trained", [nan] * ticks, [(0, ticks)])
    for group in plan.groups:
        trainable = plan.curve(group.names[0], "trainable")
        rates = plan.curve(group.names[0])
        shown = [rate if live and rate > 0 else nan for rate, live in zip(rates, trainable, strict=True)]
        yield Track(group.name, shown, _spans(trainable))


def colours(count: int) -> list[tuple[float, float, float, float]]:
    """So many colours from dark to pale, for groups from the input to the output."""
    from matplotlib import colormaps  # noqa: PLC0415  # an extra: only pictures need it

    steps = [DARKEST + (PALEST - DARKEST) * place / max(1, count - 1) for place in range(count)]
    return [colormaps["viridis"](step) for step in steps]


def _spans(trainable: Sequence[bool]) -> list[tuple[int, int]]:
    """The spans of ticks that are not trainable."""
    edges = [0, *(t for t in range(1, len(trainable)) if trainable[t] != trainable[t - 1]), len(trainable)]
    return [(start, end) for start, end in zip(edges, edges[1:], strict=False) if not trainable[start]]


def _draw_frozen(axes: "Axes", track: Track, colour: object, height: float) -> None:
    across = axes.get_xaxis_transform()
    for start, end in track.frozen:
        axes.hlines(height, start, end, colors=[colour], linewidth=6, alpha=0.5, transform=across)
    start, end = track.frozen[0]
    whole = end - start == len(track.rates)
    place, side = ((start + end) / 2, "center") if whole else (end, "left")
    axes.text(place, height, " frozen ", fontsize="small", color=COLOUR_OF_WORDS, ha=side, va="center", transform=across)


def _limits(rates: Sequence[float], below: float) -> tuple[float, float]:
    """Limits of a logarithmic axis that leave a share of its height free below the rates."""
    high = max(rates) * 1.5
    low = max(min(rates), max(rates) * DEEPEST) / 1.5
    return low * (low / high) ** (below / (1 - below)), high
