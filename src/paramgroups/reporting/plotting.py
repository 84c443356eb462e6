"""A plan's values over training as a picture, before a step is taken."""

from os import PathLike
from typing import TYPE_CHECKING

from paramgroups.errors import PlanError
from paramgroups.planning import Plan
from paramgroups.reporting.families import Family, some
from paramgroups.reporting.figure import checked_path, new_figure, write_figure
from paramgroups.reporting.rates import draw_rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LABELS = 12


def plot(  # noqa: PLR0913  # one keyword a choice
    plan: Plan,
    *,
    hyper: str = "lr",
    path: str | PathLike[str] | None = None,
    log: bool | None = None,
    width: int = 1000,
    height: int = 560,
) -> "Figure":
    """Each group's value over training: what the scheduler will write, before a step is taken.

    A line for each group. Where a group is frozen its line has a gap, and a lane below is filled. Long
    training is thinned: of each of up to 500 stretches, and between all edges of windows and schedules, the
    first, last, smallest and largest value are drawn.

    Args:
        plan: The plan; its horizon has an end.
        hyper: The hyperparameter: `"lr"`, `"weight_decay"`, `"beta1"`, …
        path: Where the picture is written, as png, svg or pdf by its ending; without one nowhere.
        log: Whether the axis of values is logarithmic; by default where values span two decades or more.
        width: In pixels.
        height: In pixels.

    Returns:
        A matplotlib figure with a legend; no window opens. The legend has a line for all groups of equal
        values; of more than 12 lines it tells some, evenly from the highest to the lowest.

    Raises:
        PlanError: It is no plan, the horizon has no end, nothing is ever trained, or no group has such
            a number.
        FileError: The ending of the path is none of these, or the file cannot be written.
        MissingPackageError: matplotlib is not installed.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> from paramgroups.reporting import plot
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("2", lr_scale=10)])
        >>> figure = plot(pg.plan(model, recipe, steps=100))
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['2 · 2 tensors', 'default · 2 tensors']
    """
    if not isinstance(plan, Plan):
        raise PlanError(f"plot: {type(plan).__name__} is no plan. Give what pg.plan made.")
    target = None if path is None else checked_path(path)
    figure = new_figure(width, height)
    axes = figure.add_subplot()
    _add_legend(axes, draw_rates(axes, plan, hyper, log=log))
    axes.set_title(plan.title, loc="left", parse_math=False)
    if target is not None:
        write_figure(figure, target)
    return figure


def _add_legend(axes: "Axes", families: list[Family]) -> None:
    """The lines by name, in the order of their heights."""
    ranked = sorted(families, key=lambda family: family.highest, reverse=True)
    told = some(ranked, MOST_LABELS)
    lines = {line.get_label(): line for line in axes.lines}
    handles = [lines[family.tracks[0].name] for family in told]
    title = f"{len(told)} of {len(families):,} lines" if len(told) < len(families) else None
    legend = axes.legend(
        handles, ["" for _ in told], title=title, alignment="left",
        loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small",
    )  # fmt: skip
    for text, family in zip(legend.get_texts(), told, strict=True):
        # Set here, since matplotlib leaves out labels that begin with "_", and reads "$" as a formula.
        text.set_parse_math(False)
        text.set_text(family.label)
