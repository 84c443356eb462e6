"""Interval algebra against sets of numbers."""

from hypothesis import given
from hypothesis import strategies as st

from paramgroups.select.intervals import Intervals, complement, intersection, union

LENGTH = 12


def intervals_of(numbers: set[int]) -> Intervals:
    starts = sorted(n for n in numbers if n - 1 not in numbers)
    stops = sorted(n + 1 for n in numbers if n + 1 not in numbers)
    return tuple(zip(starts, stops, strict=True))


sets = st.sets(st.integers(0, LENGTH - 1))


@given(sets, sets)
def test_intervals_are_sets_of_rows(a: set[int], b: set[int]) -> None:
    left, right = intervals_of(a), intervals_of(b)
    assert union(left, right) == intervals_of(a | b)
    assert intersection(left, right) == intervals_of(a & b)
    assert complement(left, LENGTH) == intervals_of(set(range(LENGTH)) - a)


def test_intervals_that_touch_become_one() -> None:
    assert union(((0, 3),), ((3, 5),)) == ((0, 5),)
    assert complement((), 0) == ()
