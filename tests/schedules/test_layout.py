from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import ScheduleError
from paramgroups.schedules import Horizon, Length
from paramgroups.schedules.layout import Part, Span, lay_out

HUNDRED = Horizon.of(steps=100, steps_per_epoch=10)


def spans(horizon: Horizon, *lengths: Length | None) -> list[Span]:
    return lay_out([Part(f"part{i}", length) for i, length in enumerate(lengths)], horizon)


def test_the_part_without_a_length_takes_what_the_others_leave() -> None:
    assert spans(HUNDRED, None) == [(0, 100)]
    assert spans(HUNDRED, "5%", None) == [(0, 5), (5, 95)]
    assert spans(HUNDRED, None, "1 epoch") == [(0, 90), (90, 10)]
    assert spans(HUNDRED, 20, None, "20%") == [(0, 20), (20, 60), (80, 20)]


def test_lengths_may_take_all_or_less() -> None:
    assert spans(HUNDRED, 40, 60, None) == [(0, 40), (40, 60), (100, 0)]
    assert spans(HUNDRED, 0, 40) == [(0, 0), (0, 40)]


def test_halves_that_round_up_do_not_outgrow_the_horizon() -> None:
    assert spans(Horizon.of(steps=5), "50%", "50%") == [(0, 3), (3, 2)]


@given(st.integers(1, 1000), st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_shares_that_make_a_whole_fill_the_horizon(ticks: int, shares: list[int]) -> None:
    total = sum(shares) or 1
    written = [f"{float(Fraction(100 * share, total)):.4f}%" for share in shares]
    exact = sum(Fraction(text[:-1]) for text in written)
    if exact > 100:
        return
    found = spans(Horizon.of(steps=ticks), *written, None)
    assert found[-1].start + (found[-1].ticks or 0) == ticks
    for before, after in pairwise(found):
        assert before.start + (before.ticks or 0) == after.start


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9), st.integers(1, 99))
def test_a_whole_length_is_never_rounded(lengths: list[int], share: int) -> None:
    found = spans(Horizon.of(steps=997), f"{share / 4}%", *lengths)
    assert [span.ticks for span in found[1:]] == lengths


def test_without_a_known_end_the_part_that_fills_runs_on_and_those_after_it_never_begin() -> None:
    stream = Horizon.of(steps_per_epoch=10)
    assert spans(stream, 20, "1 epoch", None) == [(0, 20), (20, 10), (30, None)]
    assert spans(stream, 20, None, 100) == [(0, 20), (20, None)]
    assert spans(stream, None, "20%") == [(0, None)]
    assert spans(stream, 20, 30) == [(0, 20), (20, 30)]
    with pytest.raises(ScheduleError, match=r"part0: length='5%' is a share .* Give steps="):
        spans(stream, "5%", None)


def test_parts_longer_than_the_horizon_are_named_with_it() -> None:
    message = (
        r"A schedule of 1,120 steps \(part0 20, part2 1,100\) is longer than the horizon of 100 steps."
        " Shorten a length, or train for longer"
    )
    with pytest.raises(ScheduleError, match=message):
        spans(HUNDRED, "20%", None, 1100)
