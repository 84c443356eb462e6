"""Rates over training, drawn: lines, their colours, and what lies where."""

from itertools import pairwise
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from paramgroups.planning import Plan, plan
from paramgroups.reporting.figure import new_figure
from paramgroups.reporting.rates import colours, draw_rates, points
from paramgroups.reporting.tracks import Track
from paramgroups.rules import Recipe, rule
from paramgroups.schedules import cosine, linear, warmup
from tests.reporting.models import GRADUAL, network, planned


def drawn(found: Plan, hyper: str = "lr", *, log: bool | None = None) -> Axes:
    axes = new_figure(600, 400).add_subplot()
    draw_rates(axes, found, hyper, log=log)
    return axes


def test_each_group_is_a_line_of_its_planned_rates() -> None:
    found = planned(*GRADUAL, schedule=warmup("10%").then(cosine(end=0.1)))
    lines = {str(line.get_label()): np.asarray(line.get_xydata()) for line in drawn(found).lines}
    assert list(lines) == [group.name for group in found.groups] == ["bottom", "middle", "head"]
    for group in found.groups:
        rates, trainable = (found.curve(group.names[0], name) for name in ("lr", "trainable"))
        places = [(tick, rate) for tick, rate in enumerate(rates) if trainable[tick]]
        assert [tuple(place) for place in lines[group.name] if not isnan(place[1])] == [
            *places,
            (20, rates[-1]),
        ]


def test_a_value_is_held_to_the_end_of_its_tick() -> None:
    track = Track("a", 1, (0, 1, 2, 3), (nan, 0.5, nan, 0.25), ((0, 1), (2, 3)))
    shown = [(tick, value) for tick, value in points(track, 4) if not isnan(value)]
    assert shown == [(1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25)]


def test_groups_of_equal_rates_have_one_colour() -> None:
    found = planned(rule("0", weight_decay=0.5), rule("2", lr_scale=10))
    colour = {line.get_label(): line.get_color() for line in drawn(found).lines}
    assert len(colour) == 3
    assert colour["0"] == colour["default"] != colour["2"]


def test_a_decay_to_almost_nothing_stays_out_of_the_lanes() -> None:
    axes = drawn(planned(rule("0", trainable=False, until=10), schedule=cosine(), steps=10_000))
    for line in axes.lines:
        clip = line.get_clip_box()
        assert clip is not None
        assert clip.y0 > axes.transAxes.transform(axes.texts[0].get_position())[1]


def test_it_says_what_a_tick_is_and_what_is_drawn() -> None:
    axes = drawn(plan(network(), Recipe(optimizer="sgd", lr=0.1), epochs=3))
    assert (axes.get_xlabel(), axes.get_xlim(), axes.get_ylabel()) == ("epoch", (0, 3), "learning rate")
    assert all(tick == round(tick) for tick in axes.get_xticks())
    assert drawn(planned(momentum=0.5), "momentum").get_ylabel() == "momentum"


@pytest.mark.parametrize(
    ("factor", "log", "scale"),
    [(50, None, "linear"), (100, None, "log"), (2, True, "log"), (100, False, "linear")],
)
def test_two_decades_make_the_axis_logarithmic(factor: float, log: bool | None, scale: str) -> None:  # noqa: FBT001  # as parametrize gives it
    axes = drawn(planned(rule("2", lr_scale=factor), schedule=None), log=log)
    assert axes.get_yscale() == scale


def test_a_rate_of_zero_has_no_place_on_a_logarithmic_axis() -> None:
    axes = drawn(planned(rule("0", lr=0.0), rule("1", lr=100.0), rule("2", lr=0.5)))
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] > 0
    assert drawn(planned(rule("**", lr=0.0)), log=True).get_yscale() == "linear"


def test_steps_are_seen_where_there_are_few() -> None:
    style = [drawn(planned(schedule=linear(), steps=steps)).lines[0].get_drawstyle() for steps in (59, 60)]
    assert style == ["steps-post", "default"]


@given(st.integers(1, 40))
def test_colours_differ_and_grow_paler_towards_the_output(count: int) -> None:
    light = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue, _ in colours(count)]
    assert all(dark < pale for dark, pale in pairwise(light))
