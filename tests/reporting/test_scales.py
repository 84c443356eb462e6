"""Limits of the axis of values."""

import math

from hypothesis import given
from hypothesis import strategies as st

from paramgroups.reporting.scales import linear_limits, log_limits

VALUES = st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=9)


@given(VALUES, st.floats(0, 0.5))
def test_the_highest_value_lies_above_the_lanes(values: list[float], below: float) -> None:
    low, high = log_limits(values, below)
    highest = math.log(max(values) / low) / math.log(high / low)
    assert below < highest < 1


def test_a_decay_to_almost_nothing_does_not_squeeze_all_else() -> None:
    low, high = log_limits([1.0, 1e-12], 0)
    assert (low, high) == (1e-4 / 1.5, 1.5)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_all_values_lie_within_linear_limits(values: list[float]) -> None:
    low, high = linear_limits(values)
    assert low < min(values) <= max(values) < high


def test_values_near_zero_are_shown_from_zero_and_others_are_not() -> None:
    assert linear_limits([0.1, 1.0])[0] < 0
    assert linear_limits([0.85, 0.95])[0] > 0.8
    assert linear_limits([0.0, 0.0]) == (-0.06, 0.06)
