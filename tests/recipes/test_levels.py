from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import RuleError
from paramgroups.recipes.depth import LayerDecay
from paramgroups.recipes.levels import levels_of, written
from paramgroups.schedules import Horizon
from paramgroups.schedules.lengths import read_length
from tests.select.models import row


def test_levels_are_the_distinct_depths_of_each_tower() -> None:
    rows = [
        row("a", depth=7),
        row("b", depth=2),
        row("c", depth=7),
        row("d", depth=5, tower="text"),
        row("e", depth=0, tower="text"),
    ]
    assert levels_of(rows, "mine") == {"": [2, 7], "text": [0, 5]}
    assert [LayerDecay(0.5).where(one) for one in rows[2:4]] == ["depth 7", "depth 5 of text"]


def test_no_rows_have_no_levels() -> None:
    assert levels_of([], "mine") == {}


def test_one_level_in_each_tower_is_no_order() -> None:
    rows = [row("a", depth=3), row("b", depth=3), row("c", depth=5, tower="text")]
    message = (
        r"mine: all 3 parameters lie at one depth, so there is no order in which to thaw them. Select more"
    )
    with pytest.raises(RuleError, match=message):
        levels_of(rows, "mine")


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (Fraction(7), "tick", 7),
        (Fraction(5, 2), "tick", 3),
        (Fraction(12, 5), "step", "2 steps"),
        (Fraction(3), "epoch", "3 epochs"),
        (Fraction(3, 2), "epoch", "1.5 epochs"),
        (Fraction(0), "epoch", "0 epochs"),
        (Fraction(666, 10), "%", "66.6%"),
        (Fraction(10, 3), "%", "3.333333333333334%"),
        (Fraction(130), "%", "100%"),
    ],
    ids=str,
)
def test_lengths_are_written_as_users_write_them(number: Fraction, unit: str, text: object) -> None:
    assert written(number, unit) == text  # type: ignore[arg-type]  # a word of units


@given(st.integers(1, 500), st.integers(1, 1000), st.integers(0, 12), st.integers(1, 12))
def test_a_share_that_no_text_can_hold_is_still_the_nearest_tick(
    steps: int, tenths: int, rank: int, last: int
) -> None:
    share = Fraction(tenths, 10) * Fraction(min(rank, last), last)
    exact = share * steps / 100
    assert Horizon.of(steps).length(written(share, "%")) == int(exact + Fraction(1, 2))
    assert read_length("it", written(share, "%")).number - share < Fraction(1, 10**15)
