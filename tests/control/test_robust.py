import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.control.robust import EMPTY, bound_of, deviation, median, remembered

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(NUMBERS)
def test_the_median_and_the_deviation_are_those_of_the_definition(values: list[float]) -> None:
    middle = statistics.median(values)
    assert median(sorted(values)) == middle
    assert deviation(sorted(values), middle) == pytest.approx(
        statistics.median(abs(value - middle) for value in values), rel=1e-12, abs=1e-12
    )


def test_the_bound_is_where_the_score_is_what_was_asked() -> None:
    assert bound_of([1.0, 2.0, 3.0, 4.0, 5.0], score=10, floor=0.1) == pytest.approx(3 + 10 * 1.4826)


def test_wild_values_do_not_move_it() -> None:
    calm = [1.0, 2.0, 3.0] * 10
    assert bound_of([*calm, *[1e9] * 9], score=10, floor=0.1) == pytest.approx(2 + 10 * 1.4826)


def test_of_what_is_constant_the_floor_is_the_spread() -> None:
    assert bound_of([2.0] * 20, score=10, floor=0.1) == 4.0
    assert bound_of([-2.0] * 20, score=10, floor=0.1) == 0.0


@pytest.mark.parametrize("values", [[0.0] * 9, [1.7e308] * 9], ids=["zeros", "huge"])
def test_there_may_be_none(values: list[float]) -> None:
    assert bound_of(values, score=10, floor=0.1) is None


@given(NUMBERS, st.integers(1, 40), st.integers(1, 40))
def test_a_window_holds_the_last_and_its_bound_is_at_most_a_sixteenth_old(
    values: list[float], size: int, least: int
) -> None:
    least = min(least, size)
    window = dict(EMPTY)
    for count, value in enumerate(values, 1):
        window = remembered(window, value, size, least, max)
        held = [*window["values"], *window["new"]]
        assert held[-size:] == values[:count][-size:]
        assert len(window["new"]) < max(1, len(window["values"]) / 16)
        assert (window["bound"] is None) == (count < least)
        assert window["bound"] is None or window["bound"] == max(window["values"])


def test_the_first_bound_comes_as_soon_as_there_are_enough() -> None:
    window: dict[str, Any] = {"values": [1.0] * 32, "new": [], "bound": None}
    assert remembered(window, 2.0, 64, 33, max)["bound"] == 2.0
    assert remembered(window, 2.0, 64, 34, max)["bound"] is None


def test_what_is_remembered_is_not_changed_in_place() -> None:
    before = {"values": [1.0] * 32, "new": [], "bound": 1.0}
    after = remembered(before, 2.0, 32, 1, max)
    assert before == {"values": [1.0] * 32, "new": [], "bound": 1.0}
    assert after == {"values": [1.0] * 32, "new": [2.0], "bound": 1.0}
    assert math.isclose(remembered(after, 2.0, 32, 1, max)["bound"], 2.0)
