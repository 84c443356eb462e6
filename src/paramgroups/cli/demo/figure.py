"""The picture: accuracy over steps, and beside it the rates of each recipe's groups."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from textwrap import fill
from typing import TYPE_CHECKING

from paramgroups.cli.demo.comparison import Asked, Outcome, spread
from paramgroups.cli.demo.results import percent
from paramgroups.cli.demo.training import marks
from paramgroups.reporting.figure import new_figure
from paramgroups.reporting.rates import draw_rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 1600, 900
PANEL_LETTERS = 28
# Okabe and Ito's colours, which any colour vision tells apart; the dashes do it in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AA4499")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (7, 1.5, 1, 1.5)))


def draw(outcomes: Sequence[Outcome], asked: Asked, path: Path) -> None:
    """Write the picture."""
    figure = new_figure(WIDTH, HEIGHT)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.25), wspace=0.02).flat
    left.suptitle(f"Digits 5 to 9, learned from {asked.labels} labels of each")
    draw_accuracy(left.subplots(), outcomes, asked)
    right.suptitle("The learning rate of each group")
    panels = list(right.subplots(2, 2, sharex=True, sharey=True).flat)
    draw_all_rates(panels, outcomes)
    figure.savefig(path)


def draw_accuracy(axes: "Axes", outcomes: Sequence[Outcome], asked: Asked) -> None:
    """Mean accuracy over steps, a line for each recipe in a band of one standard deviation."""
    at = marks(asked.steps)
    for outcome, colour, dashes in zip(outcomes, COLOURS, DASHES, strict=True):
        columns = list(zip(*(run.accuracies for run in outcome.runs), strict=True))
        means = [100 * fmean(column) for column in columns]
        spreads = [100 * spread(column) for column in columns]
        label = f"{outcome.method.title}: {percent(outcome)}"
        axes.plot(at, means, color=colour, linestyle=dashes, linewidth=2.2, label=label)
        low, high = ([m + side * s for m, s in zip(means, spreads, strict=True)] for side in (-1, 1))
        axes.fill_between(at, low, high, color=colour, alpha=0.13, linewidth=0)
    axes.set(xlim=(0, asked.steps), ylim=(0, 100), xlabel="step", ylabel="test accuracy, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    heading = f"after the last step, mean ± standard deviation of {asked.seeds} seeds"
    axes.legend(loc="lower right", frameon=False, handlelength=3, title=heading, alignment="left")


def draw_all_rates(panels: Sequence["Axes"], outcomes: Sequence[Outcome]) -> None:
    """The rates of each recipe's groups, on one scale."""
    limits = []
    for axes, outcome, colour in zip(panels, outcomes, COLOURS, strict=True):
        draw_rates(axes, outcome.plan, log=True)
        limits.append(axes.get_ylim())
        title = fill(outcome.method.title, PANEL_LETTERS)
        axes.set_title(title, loc="left", color=colour, fontweight="bold", fontsize="medium")
        _label_ends(axes)
    lows, highs = zip(*limits, strict=True)
    panels[0].set_ylim(min(lows), max(highs))
    for axes in panels:
        axes.label_outer()


def _label_ends(axes: "Axes") -> None:
    """The name of each line's group, where the line ends."""
    for line in axes.lines:
        place = (line.get_xdata()[-1], line.get_ydata()[-1])  # type: ignore[index]
        axes.annotate(
            str(line.get_label()), place, xytext=(4, 0), textcoords="offset points", va="center",
            color=line.get_color(), annotation_clip=False, fontsize="small",
        )  # fmt: skip
