"""Rates over training as a picture: what is drawn is what the plan gives."""

import sys
from itertools import pairwise
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from torch import nn

from paramgroups.errors import ParamGroupsError, PlanError
from paramgroups.planning import Plan, plan
from paramgroups.reporting.rates import (
    NEVER,
    MissingPackageError,
    colours,
    draw_rates,
    new_figure,
    rates_figure,
    tracks_of,
)
from paramgroups.rules import Recipe, rule
from paramgroups.schedules import cosine, warmup


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))


def planned(*rules: object, steps: int | None = 20, **settings: object) -> Plan:
    recipe = Recipe(optimizer="sgd", lr=0.1, rules=rules, **settings)  # type: ignore[arg-type]
    return plan(network(), recipe, steps=steps)


def drawn(found: Plan) -> Axes:
    axes = new_figure(600, 400).add_subplot()
    draw_rates(axes, found)
    return axes


GRADUAL = (
    rule("2", lr_scale=10, group="head"),
    rule("1", group="middle"),
    rule("0", lr_scale=0.1, group="bottom"),
    rule("1", trainable=False, until="25%", clock="thaw"),
    rule("0", trainable=False, until="50%"),
)


def test_each_group_is_a_line_of_its_planned_rates() -> None:
    found = planned(*GRADUAL, schedule=warmup("10%").then(cosine(end=0.1)))
    lines = {str(line.get_label()): np.asarray(line.get_ydata()).tolist() for line in drawn(found).lines}
    assert list(lines) == [group.name for group in found.groups] == ["bottom", "middle", "head"]
    for group in found.groups:
        rates = found.curve(group.names[0])
        trainable = found.curve(group.names[0], "trainable")
        for tick, (rate, live) in enumerate(zip(rates, trainable, strict=True)):
            shown = lines[group.name][tick]
            assert shown == rate if live else isnan(shown)
        assert lines[group.name][-1] == rates[-1]


def test_a_line_begins_where_its_group_thaws() -> None:
    tracks = {track.name: track for track in tracks_of(planned(*GRADUAL))}
    assert tracks["bottom"].frozen == [(0, 10)]
    assert tracks["middle"].frozen == [(0, 5)]
    assert tracks["head"].frozen == []
    assert [isnan(rate) for rate in tracks["middle"].rates] == [True] * 5 + [False] * 15
    assert tracks["middle"].rates[5] == 0.1


def test_a_freeze_in_the_middle_and_at_the_end_is_seen() -> None:
    (track,) = tracks_of(
        planned(rule("**", trainable=False, start=3, until=5), rule("**", trainable=False, start=18))
    )
    assert track.frozen == [(3, 5), (18, 20)]


def test_what_is_never_trained_has_a_lane_for_the_whole_run() -> None:
    found = planned(rule("0 | 1", trainable=False))
    never, head = tracks_of(found)
    assert (never.name, never.frozen) == (NEVER, [(0, 20)])
    assert head.frozen == []
    texts = [text.get_text().strip() for text in drawn(found).texts]
    assert texts == [NEVER]


def test_a_lane_says_whose_it_is() -> None:
    texts = [text.get_text().strip() for text in drawn(planned(*GRADUAL)).texts]
    assert texts == ["bottom frozen", "middle frozen"]


def test_a_rate_of_zero_has_no_place_on_the_scale() -> None:
    slow, fast = tracks_of(planned(rule("0", lr=0.0), rule("2 | 1", lr=0.5)))
    assert all(isnan(rate) for rate in slow.rates)
    assert fast.rates == [0.5] * 20


def test_all_rates_lie_above_the_lanes_and_below_the_top() -> None:
    axes = drawn(planned(*GRADUAL))
    low, high = axes.get_ylim()
    heights = [
        axes.transAxes.inverted().transform(axes.transData.transform((0, rate)))[1]
        for rate in (0.01, 0.1, 1.0)
    ]
    lanes = [text.get_position()[1] for text in axes.texts]
    assert low < 0.01
    assert high > 1.0
    assert max(lanes) < min(heights)
    assert max(heights) < 1


def test_twenty_lanes_leave_half_of_the_height() -> None:
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(21)))
    rules = [rule(f"{n}", trainable=False, until=n + 1) for n in range(20)]
    axes = drawn(plan(model, Recipe(optimizer="sgd", lr=0.1, rules=rules), steps=30))
    assert len(axes.texts) == 20
    assert max(text.get_position()[1] for text in axes.texts) < 0.5


def test_the_figure_has_a_legend_and_says_what_a_tick_is() -> None:
    found = plan(network(), Recipe(optimizer="sgd", lr=0.1), epochs=3)
    (axes,) = rates_figure(found).axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["default"]
    assert axes.get_xlabel() == "epoch"
    assert axes.get_title(loc="left") == found.title
    assert axes.get_xlim() == (0, 3)


def test_its_size_is_as_asked() -> None:
    figure = rates_figure(planned(), width=1300, height=650)
    assert figure.get_size_inches() * figure.dpi == pytest.approx([1300, 650])


def test_a_training_without_end_cannot_be_drawn() -> None:
    with pytest.raises(PlanError, match=r"no known end\. Plan with steps="):
        rates_figure(planned(steps=None))


def test_where_nothing_is_trained_there_is_nothing_to_draw() -> None:
    with pytest.raises(PlanError, match="nothing is trained at any step"):
        rates_figure(planned(rule("**", trainable=False)))


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r'pip install "paramgroups\[plot\]"') as raised:
        rates_figure(planned())
    assert isinstance(raised.value, ParamGroupsError)


@given(st.integers(1, 40))
def test_colours_differ_and_grow_paler_towards_the_output(count: int) -> None:
    light = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue, _ in colours(count)]
    assert all(dark < pale for dark, pale in pairwise(light))


@given(st.lists(st.tuples(st.integers(0, 28), st.integers(1, 10)), max_size=4))
def test_frozen_spans_are_the_ticks_that_are_not_trained(windows: list[tuple[int, int]]) -> None:
    found = planned(
        *(rule("**", trainable=False, start=at, until=at + length) for at, length in windows), steps=40
    )
    (track,) = tracks_of(found)
    frozen = {tick for start, end in track.frozen for tick in range(start, end)}
    trainable = found.curve("0.weight", "trainable")
    assert frozen == {tick for tick, live in enumerate(trainable) if not live}
    assert all(first[1] < second[0] for first, second in pairwise(track.frozen))
