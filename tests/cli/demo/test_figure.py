"""The picture shows the means that were measured and the rates that were planned."""

from pathlib import Path

import pytest
from matplotlib.image import imread

from paramgroups.cli.demo.comparison import Asked, Outcome
from paramgroups.cli.demo.figure import HEIGHT, WIDTH, draw, draw_accuracy, draw_all_rates
from paramgroups.cli.demo.training import marks
from paramgroups.reporting.figure import new_figure


def test_a_line_is_the_mean_over_seeds_and_its_band_the_spread(outcomes: list[Outcome], asked: Asked) -> None:
    axes = new_figure(800, 600).add_subplot()
    draw_accuracy(axes, outcomes, asked)
    assert len(axes.lines) == len(axes.collections) == len(outcomes)
    for line, outcome in zip(axes.lines, outcomes, strict=True):
        first, second = (run.accuracies for run in outcome.runs)
        means = [50 * (a + b) for a, b in zip(first, second, strict=True)]
        assert list(line.get_xdata()) == marks(asked.steps)  # type: ignore[arg-type]
        assert list(line.get_ydata()) == pytest.approx(means)  # type: ignore[arg-type]
        assert outcome.method.title in str(line.get_label())


def test_the_panels_share_one_scale_on_which_all_rates_lie(outcomes: list[Outcome]) -> None:
    panels = list(new_figure(800, 600).subplots(2, 2, sharex=True, sharey=True).flat)
    draw_all_rates(panels, outcomes)
    ((low, high),) = {axes.get_ylim() for axes in panels}
    for axes, outcome in zip(panels, outcomes, strict=True):
        names = {group.name for group in outcome.plan.groups}
        assert names <= {line.get_label() for line in axes.lines}
        assert axes.get_title(loc="left").replace("\n", " ") == outcome.method.title
        assert all(low < group.lr < high for group in outcome.plan.groups)


def test_it_is_a_png_of_the_size_of_a_readme(outcomes: list[Outcome], asked: Asked, tmp_path: Path) -> None:
    draw(outcomes, asked, tmp_path / "demo.png")
    assert imread(tmp_path / "demo.png").shape[:2] == (HEIGHT, WIDTH)
