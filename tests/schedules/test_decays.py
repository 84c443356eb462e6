import math

import pytest

from paramgroups.errors import ScheduleError
from paramgroups.schedules import Horizon, Schedule, exponential, inverse_sqrt, milestones, step, warmup

HUNDRED = Horizon.of(steps=100)


def test_a_period_may_be_an_epoch() -> None:
    at = step(0.5, every="2 epochs").over(Horizon.of(epochs=6, steps_per_epoch=10))
    assert (at(19), at(20), at(40)) == (1.0, 0.5, 0.25)


TRIAL = Horizon.of(steps=20, steps_per_epoch=2)


@pytest.mark.parametrize("share", ["1%", "0.1 epochs"])
def test_a_period_that_is_a_share_is_at_least_a_tick(share: str) -> None:
    at = step(0.5, every=share).over(TRIAL)
    assert [at(t) for t in range(4)] == [1.0, 0.5, 0.25, 0.125]
    assert exponential(0.5, every=share).over(TRIAL)(3) == 0.125
    assert inverse_sqrt(share).over(TRIAL)(3) == 0.5


def test_a_period_of_nothing_is_refused() -> None:
    with pytest.raises(ScheduleError, match="step: every='0%' is 0"):
        step(every="0%")
    with pytest.raises(ScheduleError, match="inverse_sqrt: timescale=0 is 0"):
        inverse_sqrt(0)


def test_an_inverse_root_goes_on_for_ever_and_meets_the_warm_up() -> None:
    at = warmup(100, start=0.0).then(inverse_sqrt(100)).over(Horizon.of())
    assert (at(50), at(100), at(400)) == (0.5, 1.0, 0.5)
    assert at(10**6) == pytest.approx(1 / math.sqrt(10**4))


def test_each_milestone_cuts_and_twice_the_same_cuts_twice() -> None:
    at = milestones(0.5, at=(10, "20%", "20%", 90)).over(HUNDRED)
    assert [at(t) for t in (0, 9, 10, 19, 20, 89, 90, 99)] == [1, 1, 0.5, 0.5, 0.125, 0.125, 0.0625, 0.0625]


def test_milestones_count_in_any_order() -> None:
    at = milestones(0.5, at=(60, "30%", 60, 10)).over(HUNDRED)
    assert [at(t) for t in (9, 10, 30, 60)] == [1, 0.5, 0.25, 0.0625]


def test_a_share_among_milestones_is_of_the_part() -> None:
    at = warmup(50).then(milestones(0.5, at=("50%",))).over(HUNDRED)
    assert (at(74), at(75)) == (1.0, 0.5)


def test_milestones_in_ticks_need_no_end() -> None:
    assert milestones(at=(5,)).over(Horizon.of())(10**9) == 0.1
    with pytest.raises(
        ScheduleError, match="milestones: at='50%' is a share of a training without a known end"
    ):
        milestones(at=("50%",)).over(Horizon.of())


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (
            milestones(at=(30, 101)),
            "milestones: at=101 is past the end of its 100 steps. Write an earlier one",
        ),
        (milestones(at=(30,), length=20), "milestones: at=30 is past the end of its 20 steps"),
    ],
)
def test_milestones_that_do_not_fit_are_refused(schedule: Schedule, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        schedule.over(HUNDRED)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (30, r'milestones: at=30 is no list. Write the ticks: \[30, "60%"\]'),
        ("60%", "is no list"),
        ((), "milestones: at is empty"),
        ((0, 3), r"milestones: at\[0\]=0 is 0"),
        ((3, 0.5), r"milestones: at\[1\]=0.5 is a bare float"),
    ],
)
def test_what_are_no_milestones_is_refused(at: object, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        milestones(at=at)  # type: ignore[arg-type]  # a user's mistake
