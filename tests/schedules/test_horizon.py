from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import ScheduleError
from paramgroups.schedules import Horizon

STEPS = Horizon.of(steps=1000, steps_per_epoch=100)
EPOCHS = Horizon.of(epochs=30)
STREAM = Horizon.of()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, Horizon(None, None, "step")),
        ({"steps_per_epoch": 10}, Horizon(None, 10, "step")),
        ({"steps": 95, "steps_per_epoch": 10}, Horizon(95, 10, "step")),
        ({"steps": 100}, Horizon(100, None, "step")),
        ({"epochs": 30}, Horizon(30, 1, "epoch")),
        ({"epochs": 30, "steps_per_epoch": 10}, Horizon(300, 10, "step")),
        ({"steps": 300, "epochs": 30}, Horizon(300, 10, "step")),
        ({"steps": 300, "epochs": 30, "steps_per_epoch": 10}, Horizon(300, 10, "step")),
        ({"steps": np.int64(100)}, Horizon(100, None, "step")),
    ],
)
def test_a_horizon_is_what_it_was_told(told: dict[str, Any], expected: Horizon) -> None:
    assert Horizon.of(**told) == expected


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"steps": 0}, r"steps=0 is not between 1 and 2\*\*53"),
        ({"steps": -5}, "steps=-5 is not between 1"),
        ({"steps": 10**400}, "steps=.* is not between 1"),
        ({"steps": 10**5000}, "steps=<int"),
        ({"steps": True}, "steps=True is a bool. Write an int"),
        ({"epochs": "30"}, "epochs='30' is a str. Write an int"),
        ({"steps": 1e4}, r"steps=10000.0 is a float. Write steps=10000\."),
        ({"steps": 1.5}, "steps=1.5 is a float. Write an int"),
        ({"steps": float("nan")}, "steps=nan is a float. Write an int"),
        ({"steps": 100, "epochs": 30}, "100 steps do not divide into 30 epochs. Give steps_per_epoch="),
        (
            {"steps": 300, "epochs": 30, "steps_per_epoch": 11},
            "steps=300 is not epochs=30 × steps_per_epoch=11 = 330. Leave one out",
        ),
        ({"epochs": 2**52, "steps_per_epoch": 4}, "epochs × steps_per_epoch=.* is not between"),
    ],
)
def test_a_horizon_that_cannot_be_is_refused(told: dict[str, Any], message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        Horizon.of(**told)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ((-1, None, "step"), "ticks=-1 is not between 0"),
        ((10, 0, "step"), "ticks_per_epoch=0 is not between 1"),
        ((10, None, "batch"), 'unit=\'batch\' is no tick. Write "step" or "epoch"'),
        ((10, None, "epoch"), "A tick is an epoch, and ticks_per_epoch=None. Write 1"),
    ],
)
def test_a_horizon_made_by_hand_is_checked_too(given_: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        Horizon(*given_)


@pytest.mark.parametrize(
    ("horizon", "length", "ticks"),
    [
        (STEPS, 0, 0),
        (STEPS, 20, 20),
        (STEPS, 5000, 5000),  # past the end: a window may
        (STEPS, "10%", 100),
        (STEPS, "100 %", 1000),
        (STEPS, ".1%", 1),
        (STEPS, "0.5 epochs", 50),
        (STEPS, " 3 epochs ", 300),
        (STEPS, "1 epoch", 100),
        (STEPS, "1 step", 1),
        (STEPS, "500 steps", 500),
        (EPOCHS, 3, 3),
        (EPOCHS, "10%", 3),
        (EPOCHS, "3 epochs", 3),
        (STREAM, 20, 20),
        (STREAM, "20 steps", 20),
        (Horizon.of(steps_per_epoch=7), "2 epochs", 14),
    ],
)
def test_a_length_is_ticks(horizon: Horizon, length: int | str, ticks: int) -> None:
    assert horizon.length(length) == ticks


@pytest.mark.parametrize(("ticks", "length"), [(4, 0), (5, 1), (14, 1), (15, 2), (25, 3)])
def test_a_share_is_rounded_to_the_nearest_tick_and_a_half_upwards(ticks: int, length: int) -> None:
    assert Horizon.of(steps=ticks).length("10%") == length


@given(st.integers(1, 10**6), st.integers(0, 100))
def test_a_share_and_what_it_leaves_are_all_of_training(ticks: int, share: int) -> None:
    horizon = Horizon.of(steps=ticks)
    assert abs(horizon.length(f"{share}%") + horizon.length(f"{100 - share}%") - ticks) <= 1
    assert horizon.length("100%") == ticks


@pytest.mark.parametrize(
    ("horizon", "length", "message"),
    [
        (STREAM, "10%", "until='10%' is a share of a training without a known end. Give steps="),
        (Horizon.of(steps=10), "3 epochs", "until='3 epochs'.*Give steps_per_epoch="),
        (EPOCHS, "500 steps", "until='500 steps' counts steps, and a tick is an epoch here"),
        (STEPS, "900000000000000 epochs", "is more than"),
    ],
)
def test_a_length_that_asks_what_the_horizon_does_not_know_is_refused(
    horizon: Horizon, length: str, message: str
) -> None:
    with pytest.raises(ScheduleError, match=message):
        horizon.length(length, "until")


def test_the_rest_is_what_remains_and_never_less_than_nothing() -> None:
    assert STEPS.rest(400) == Horizon(600, 100, "step")
    assert STEPS.rest(5000) == Horizon(0, 100, "step")
    assert STREAM.rest(400) == STREAM
    assert STEPS.rest(400).length("10%") == 60
    with pytest.raises(ScheduleError, match="start=-1 is not between 0"):
        STEPS.rest(-1)


@pytest.mark.parametrize(
    ("horizon", "t", "said"),
    [
        (STEPS, 0, "0%"),
        (STEPS, 123, "12%"),
        (STEPS, 2000, "100%"),
        (STEPS, -3, "0%"),
        (EPOCHS, 15, "50%"),
        (STREAM, 8120, "step 8,120"),
        (STREAM, 8120.5, "step 8,120.5"),
        (STEPS.rest(1000), 0, "100%"),
    ],
)
def test_progress_is_said_in_words(horizon: Horizon, t: float, said: str) -> None:
    assert horizon.progress_text(t) == said


def test_a_horizon_is_said_in_words() -> None:
    assert [str(h) for h in (STEPS, EPOCHS, STREAM)] == ["1,000 steps", "30 epochs", "no known end"]
