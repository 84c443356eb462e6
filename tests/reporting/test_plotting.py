"""`plot`: the figure, its legend, its file, and what is refused."""

import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from paramgroups.errors import FileError, PlanError
from paramgroups.reporting import plot
from paramgroups.reporting.figure import MissingPackageError
from paramgroups.rules import rule
from paramgroups.schedules import cosine
from tests.reporting.models import GRADUAL, planned


def legend(figure: Figure) -> tuple[str, list[str]]:
    found = figure.axes[0].get_legend()
    assert found is not None
    return found.get_title().get_text(), [text.get_text() for text in found.get_texts()]


def test_the_legend_tells_from_the_highest_line_to_the_lowest() -> None:
    figure = plot(planned(*GRADUAL))
    assert legend(figure) == ("", ["head · 2 tensors", "middle · 2 tensors", "bottom · 2 tensors"])
    handles = figure.axes[0].get_legend().legend_handles  # type: ignore[union-attr]  # asked above
    colour = {line.get_label(): line.get_color() for line in figure.axes[0].lines}
    assert [line.get_color() for line in handles] == [colour[name] for name in ("head", "middle", "bottom")]  # type: ignore[union-attr]  # lines


def test_equal_lines_are_told_once() -> None:
    found = planned(rule("0", weight_decay=0.5), rule("2", lr_scale=10))
    assert legend(plot(found))[1] == ["2 · 2 tensors", "0 and 1 more · 4 tensors"]


def test_of_many_lines_twelve_are_told() -> None:
    rules = [rule(f"{n}", lr_scale=1 + n) for n in range(30)]
    title, labels = legend(plot(planned(*rules, layers=30)))
    assert title == "12 of 30 lines"
    assert (len(labels), labels[0], labels[-1]) == (12, "29 · 2 tensors", "0 · 2 tensors")


def test_names_are_told_as_they_are(tmp_path: Path) -> None:
    names = {"_a": 3, "$x": 2, "$": 1}
    found = planned(*(rule(f"{n}", group=name, lr_scale=names[name]) for n, name in enumerate(names)))
    labels = legend(plot(found, path=tmp_path / "a.png"))[1]
    assert labels == ["_a · 2 tensors", "$x · 2 tensors", "$ · 2 tensors"]


def test_the_title_is_the_plan_and_the_size_as_asked() -> None:
    figure = plot(planned(name="$cheap$"), width=1300, height=650)
    assert figure.axes[0].get_title(loc="left") == 'Plan "$cheap$", 6 parameters in 1 group, 20 steps'
    assert figure.get_size_inches() * figure.dpi == pytest.approx([1300, 650])


def test_any_number_can_be_drawn_on_the_axis_asked_for() -> None:
    found = planned(rule("2", momentum=0.5), momentum=0.9, schedules={"momentum": cosine(end=0.5)})
    axes = plot(found, hyper="momentum", log=True).axes[0]
    assert (axes.get_ylabel(), axes.get_yscale(), len(axes.lines)) == ("momentum", "log", 2)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_it_is_written_where_asked(ending: str, tmp_path: Path) -> None:
    plot(planned(*GRADUAL), path=tmp_path / f"rates.{ending}")
    assert (tmp_path / f"rates.{ending}").stat().st_size > 1000


def test_a_wrong_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="its ending is none of"):
        plot(planned(), path="rates.gif")
    with pytest.raises(FileError, match="cannot be written"):
        plot(planned(), path=tmp_path / "nowhere" / "rates.png")


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(PlanError, match="list is no plan"):
        plot([])  # type: ignore[arg-type]  # a mistake
    with pytest.raises(PlanError, match="no known end"):
        plot(planned(steps=None))
    with pytest.raises(PlanError, match="nothing is trained"):
        plot(planned(rule("**", trainable=False)))
    with pytest.raises(PlanError, match='Nearest: "momentum"'):
        plot(planned(), hyper="momentun")


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r'pip install "paramgroups\[plot\]"'):
        plot(planned())


def test_many_groups_over_a_million_steps_are_few_points() -> None:
    rules = [rule(f"{n}", lr_scale=1 + n, schedule=cosine(end=n / 1000)) for n in range(100)]
    lines = plot(planned(*rules, layers=100, steps=1_000_000)).axes[0].lines
    assert len(lines) == 100
    assert all(len(line.get_xdata()) < 1100 for line in lines)  # type: ignore[arg-type]  # a list
