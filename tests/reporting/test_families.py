"""Tracks that look the same, and some of many."""

from itertools import pairwise
from math import nan

from hypothesis import given
from hypothesis import strategies as st

from paramgroups.reporting.families import Family, families_of, some
from paramgroups.reporting.tracks import Track


def track(name: str, *values: float, tensors: int = 1) -> Track:
    return Track(name, tensors, tuple(range(len(values))), values, ())


def test_equal_lines_are_one_family_gaps_included() -> None:
    tracks = [track("a", nan, 0.5), track("b", 0.5, 0.5), track("c", nan, 0.5)]
    found = families_of(tracks, lambda one: one.values)
    assert [[one.name for one in family.tracks] for family in found] == [["a", "c"], ["b"]]


def test_a_label_says_whose_and_how_many() -> None:
    assert Family((track("a", 1.0),)).label == "a · 1 tensor"
    pair = Family((track("a", nan, 3.0, 1.0, tensors=1200), track("b", nan, 3.0, 1.0, tensors=34)))
    assert (pair.label, pair.highest) == ("a and 1 more · 1,234 tensors", 3.0)
    assert Family((track("x" * 41, 1.0),)).title == "x" * 39 + "…"


@given(st.integers(0, 100), st.integers(2, 20))
def test_some_are_evenly_from_the_first_to_the_last(count: int, most: int) -> None:
    found = some(range(count), most)
    assert len(found) == min(count, most)
    assert found == sorted(set(found))
    assert found[:1] + found[-1:] == ([0, count - 1] if count else [])
    gaps = [later - one for one, later in pairwise(found)]
    assert not gaps or max(gaps) - min(gaps) <= 1
