from fractions import Fraction

import pytest

from paramgroups.errors import ScheduleError
from paramgroups.schedules import Horizon
from paramgroups.schedules.places import place

HUNDRED = Horizon.of(steps=100, steps_per_epoch=10)


def test_a_share_is_of_the_part_and_all_else_as_anywhere() -> None:
    assert place("x", "at", "50%", HUNDRED, 30) == 15
    assert place("x", "at", "33%", HUNDRED, 10) == Fraction(33, 10)
    assert place("x", "at", "2 epochs", HUNDRED, 30) == place("x", "at", 20, HUNDRED, None) == 20
    assert place("x", "at", "100%", HUNDRED, 30) == 30


def test_what_is_past_the_end_or_needs_one_is_refused() -> None:
    with pytest.raises(
        ScheduleError, match=r"x: at='4 epochs' is past the end of its 30 steps. Write an earlier"
    ):
        place("x", "at", "4 epochs", HUNDRED, 30)
    with pytest.raises(ScheduleError, match="x: at='50%' is a share of a training without a known end"):
        place("x", "at", "50%", HUNDRED, None)
