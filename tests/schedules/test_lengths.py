from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import ScheduleError
from paramgroups.schedules.checks import MOST_TICKS
from paramgroups.schedules.lengths import Amount, length, period, read_length


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (7, Amount(Fraction(7), "tick")),
        (np.int32(7), Amount(Fraction(7), "tick")),
        ("0.1%", Amount(Fraction(1, 10), "%")),
        ("2.epochs", Amount(Fraction(2), "epoch")),
        ("500.0 steps", Amount(Fraction(500), "step")),
    ],
)
def test_an_amount_is_read_exactly(value: int | str, amount: Amount) -> None:
    assert read_length("length", value) == amount


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.1, r'until=0.1 is a bare float: a share or a count\? "10%" is that share. Write an int'),
        (np.float64(0.1), "until=0.1 is a bare float"),
        (500.0, r"until=500.0 is a bare float: a share or a count\? Write an int"),
        (float("nan"), "until=nan is a bare float"),
        (True, "until=True is no length. Write an int"),
        (None, 'until=None is no length. Write an int .ticks., "10%" .*, "3 epochs" or "500 steps"'),
        (torch.tensor(3), "until=.*is a Tensor. Write an int"),
        ([3], "until=.*is no length"),
        (-1, "until=-1 is not between 0"),
        (MOST_TICKS + 1, "until=.* is not between 0"),
        ("-5%", "until='-5%' is no length"),
        ("10", "until='10' is no length"),
        ("", "until='' is no length"),
        ("ten epochs", "is no length"),
        ("10%s", "is no length"),
        ("nan%", "is no length"),
        ("1e3 steps", "is no length"),
        ("٣ epochs", "is no length"),
        ("9" * 5000 + "%", "is no length"),
        ("101%", "until='101%' is more than all of training. Write at most 100%"),
        ("0.5 steps", "until='0.5 steps' is no whole number of steps"),
        ("99999999999999999 steps", "is no length"),
    ],
)
def test_what_is_no_length_is_refused_with_the_forms_that_are(value: object, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        read_length("until", value)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.binary(), st.complex_numbers()))
def test_nothing_but_our_error_is_raised(value: object) -> None:
    try:
        amount = read_length("length", value)
    except ScheduleError:
        return
    assert amount.number >= 0


def test_a_length_keeps_the_form_that_it_was_written_in() -> None:
    assert length("length", "5%") == "5%"
    assert repr(length("length", np.int64(5))) == "5"


@pytest.mark.parametrize("value", [0, "0%", "0 epochs"])
def test_a_period_of_nothing_is_refused(value: int | str) -> None:
    with pytest.raises(ScheduleError, match=r"every=.* is 0. Write an int"):
        period("every", value)
