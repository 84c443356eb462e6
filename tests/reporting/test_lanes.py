"""The lanes of what is frozen."""

import numpy as np
from matplotlib.axes import Axes

from paramgroups.planning import Plan
from paramgroups.reporting.figure import new_figure
from paramgroups.reporting.rates import draw_rates
from paramgroups.reporting.tracks import NEVER
from paramgroups.rules import rule
from tests.reporting.models import GRADUAL, planned


def drawn(found: Plan) -> Axes:
    axes = new_figure(600, 400).add_subplot()
    draw_rates(axes, found)
    return axes


def told(axes: Axes) -> list[str]:
    return [text.get_text().strip() for text in axes.texts]


def test_a_lane_says_whose_it_is() -> None:
    assert told(drawn(planned(*GRADUAL))) == ["bottom frozen", "middle frozen"]
    assert told(drawn(planned(rule("0 | 1", trainable=False)))) == [NEVER]
    assert told(drawn(planned())) == []


def test_those_that_are_frozen_at_the_same_times_share_a_lane() -> None:
    found = planned(rule("0", group="a"), rule("1", group="b"), rule("0 | 1", trainable=False, until=5))
    assert told(drawn(found)) == ["a and 1 more frozen"]


def test_a_lane_has_a_bar_for_each_span() -> None:
    axes = drawn(
        planned(rule("**", trainable=False, start=3, until=5), rule("**", trainable=False, start=18))
    )
    (bars,) = axes.collections
    spans = [np.asarray(path.vertices)[:, 0].tolist() for path in bars.get_paths()]
    assert spans == [[3, 5], [18, 20]]


def test_a_lane_to_the_end_is_told_on_its_left() -> None:
    (text,) = drawn(planned(rule("0", trainable=False, start=15))).texts
    assert (text.get_position()[0], text.get_horizontalalignment()) == (15, "right")
    (text,) = drawn(planned(rule("0", trainable=False))).texts
    assert (text.get_position()[0], text.get_horizontalalignment()) == (20, "right")


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


def test_many_lanes_leave_half_of_the_height_and_some_are_told() -> None:
    rules = [rule(f"{n}", trainable=False, until=n + 1) for n in range(40)]
    axes = drawn(planned(*rules, layers=41, steps=60))
    assert len(axes.collections) == 40
    heights = [text.get_position()[1] for text in axes.texts]
    assert (len(heights), told(axes)[0], told(axes)[-1]) == (16, "0 frozen", "39 frozen")
    assert max(heights) < 0.5


def test_a_name_is_no_formula() -> None:
    axes = drawn(planned(rule("0", group="a$b$", trainable=False, until=5)))
    assert told(axes) == ["a$b$ frozen"]
    assert not axes.texts[0].get_parse_math()
