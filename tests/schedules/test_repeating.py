from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import ScheduleError
from paramgroups.schedules import (
    Horizon,
    Schedule,
    constant,
    cosine,
    function,
    linear,
    repeat,
    step,
    table,
    warmup,
)
from tests.schedules.strategies import NESTED

HUNDRED = Horizon.of(steps=100, steps_per_epoch=10)


def values(schedule: Schedule, *ticks: float, horizon: Horizon = HUNDRED) -> list[float]:
    at = schedule.over(horizon)
    return [at(t) for t in ticks]


@given(NESTED, st.integers(1, 40), st.floats(0, 1))
def test_each_repetition_is_a_horizon_of_its_own(held: Schedule, every: int, factor: float) -> None:
    once = held.over(Horizon.of(steps=every, steps_per_epoch=10))
    at = held.repeat(every=every, factor=factor).over(HUNDRED)
    assert [at(t) for t in range(100)] == [once(t % every) * factor ** (t // every) for t in range(100)]


@given(NESTED, st.integers(1, 5))
def test_a_number_of_repetitions_is_a_period_where_it_divides(held: Schedule, times: int) -> None:
    horizon = Horizon.of(steps=60, steps_per_epoch=10)
    by_times, by_period = held.repeat(times=times), held.repeat(every=60 // times)
    assert values(by_times, *range(62), horizon=horizon) == values(by_period, *range(62), horizon=horizon)


def test_repetitions_may_begin_between_two_ticks() -> None:
    at = linear().repeat(times=3).over(HUNDRED)
    assert [at(t) for t in (0, 10, 50)] == pytest.approx([1.0, 0.7, 0.5])
    assert at(33) == pytest.approx(0.01)
    assert at(34) == pytest.approx(0.98)
    assert at(100) == 0.0


def test_shares_and_lengths_within_are_of_the_repetition() -> None:
    at = warmup("10%").then(linear()).repeat(every=20).over(HUNDRED)
    assert [at(t) for t in (0, 1, 2, 11, 20, 21)] == [0.5, 1.0, 1.0, 0.5, 0.5, 1.0]
    assert values(step(0.5, every="50%").repeat(every=20), 9, 10, 20, 30) == [1.0, 0.5, 1.0, 0.5]


def test_each_is_longer_than_the_one_before() -> None:
    at = linear().repeat(every=10, stretch=2, factor=0.5).over(HUNDRED)
    assert [at(t) for t in (0, 5, 10, 20, 30, 50, 70, 85)] == [
        *(1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125),
        0.125 * (1 - 15 / 80),
    ]
    stream = linear().repeat(every=1, stretch=2).over(Horizon.of())
    assert stream(2**40 - 1) == 1.0
    assert stream(2**40 - 1 + 2**39) == 0.5


def test_at_the_very_end_the_last_is_held() -> None:
    assert values(linear(end=0.2).repeat(every=50), 99, 100, 101) == [pytest.approx(0.216), 0.2, 0.2]
    assert values(linear(end=0.2).repeat(every=80), 100, 101) == [0.8, 0.8]
    assert values(linear(end=0.2).repeat(every=25, stretch=3), 99, 100) == [
        pytest.approx(0.2 + 0.8 / 75),
        0.2,
    ]
    assert values(linear(end=0.2, length=10).repeat(every=50), 20, 49) == [0.2, 0.2]


def test_a_period_longer_than_training_is_cut_off() -> None:
    assert values(linear().repeat(every=200), 0, 50, 100) == [1.0, 0.75, 0.5]


@pytest.mark.parametrize("settings", [{"every": 1}, {"every": 7}, {"times": 3}, {"every": 2, "stretch": 2}])
def test_a_repeat_over_one_tick_begins(settings: dict[str, Any]) -> None:
    assert values(linear(end=0.5).repeat(**settings), 0, horizon=Horizon.of(steps=1)) == [1.0]


def test_a_repeat_over_no_tick_is_its_last() -> None:
    nothing = HUNDRED.rest(100)
    assert values(linear(end=0.5).repeat(times=3, factor=0.5), 0, horizon=nothing) == [0.125]
    assert values(linear(end=0.5).repeat(every=3), 0, horizon=nothing) == [1.0]


def test_a_tick_stays_a_whole_number_for_a_function() -> None:
    curve = [1.0, 0.5, 0.25]
    at = function("mine", lambda t: curve[t], of="tick").repeat(every=3).over(HUNDRED)  # type: ignore[call-overload]  # an int
    assert [at(t) for t in range(5)] == [1.0, 0.5, 0.25, 1.0, 0.5]


def test_repeats_stand_in_chains_and_in_repeats() -> None:
    at = warmup(10).then(linear().repeat(every=5).repeat(every=8)).over(HUNDRED)
    assert [at(t) for t in (9, 10, 14, 15, 17, 18)] == pytest.approx([1.0, 1.0, 0.2, 1.0, 0.6, 1.0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "repeat: give either every= .* or times="),
        ({"every": 3, "times": 3}, "repeat: give either every= .* or times="),
        ({"every": 0}, "repeat: every=0 is 0"),
        ({"times": 0}, "repeat: times=0 is not between 1"),
        ({"times": 2, "stretch": 2}, "repeat: stretch=2 goes with every=, not with times="),
        ({"every": 2, "stretch": 1.5}, "repeat: stretch=1.5 is a float"),
        ({"every": 2, "factor": -1}, "repeat: factor=-1 is negative"),
    ],
)
def test_what_has_no_meaning_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        cosine().repeat(**settings)


@pytest.mark.parametrize(
    ("schedule", "horizon", "message"),
    [
        (cosine().repeat(times=3), Horizon.of(), "repeat needs to know how long it takes"),
        (
            cosine(length=30).repeat(every=20),
            HUNDRED,
            "repeat: A schedule of 30 steps .* the horizon of 20 steps",
        ),
        (
            constant(1e300).repeat(every=1, factor=1e300),
            HUNDRED,
            "repeat is too large for a number at tick 9",
        ),
        (constant().repeat(every=1, factor=1e300), HUNDRED, "repeat is too large for a number at tick 9"),
    ],
)
def test_what_does_not_fit_is_refused(schedule: Schedule, horizon: Horizon, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        schedule.over(horizon)(9)


def test_turns_are_beginnings_and_those_within() -> None:
    assert set(cosine().repeat(every=30).turns(HUNDRED, 100) or ()) == {0, 30, 60, 90, 120}
    assert set(cosine().repeat(every=10, stretch=3).turns(HUNDRED, 100) or ()) == {0, 10, 40, 130}
    assert cosine().repeat(every=1).turns(HUNDRED, 100) == range(101)
    assert table([1, 0]).repeat(times=2).turns(HUNDRED, 100) == range(101)
    assert cosine().repeat(every=30).turns(Horizon.of(), None) is None


def test_a_period_that_is_a_share_is_at_least_a_tick() -> None:
    at = constant().repeat(every="1%", factor=0.5).over(Horizon.of(steps=20))
    assert [at(t) for t in range(4)] == [1, 0.5, 0.25, 0.125]


def test_more_repetitions_than_ticks_cost_no_more() -> None:
    shape = linear().repeat(times=2**53)
    assert values(shape, 0, 50, 100) == [1.0, 1.0, 0.0]
    assert shape.turns(HUNDRED, 100) == range(101)


def test_a_repeat_reads_as_it_was_written() -> None:
    assert repr(cosine(end=0.1).repeat(every="1 epoch", stretch=2)) == (
        "repeat(cosine(end=0.1), every='1 epoch', stretch=2)"
    )
    assert repeat(cosine(), times=3) == cosine().repeat(times=3)
