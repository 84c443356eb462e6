import pytest

from paramgroups.errors import ScheduleError
from paramgroups.schedules import (
    Horizon,
    Schedule,
    cosine,
    exponential,
    linear,
    one_minus_sqrt,
    polynomial,
    repeat,
    slanted_triangular,
    triangular,
    warm_restarts,
    warmup_stable_decay,
)


def test_ready_made_schedules_are_what_they_are_made_of() -> None:
    assert repr(warmup_stable_decay()) == "warmup('1%').then(constant()).then(linear(length='10%'))"
    assert warm_restarts(every=10, stretch=2, end=0.1) == repeat(cosine(end=0.1), every=10, stretch=2)
    assert slanted_triangular(rise="20%") == triangular(start=1 / 32, rise="20%")


@pytest.mark.parametrize(
    "decay",
    [
        linear(end=0.1, length=20),
        cosine(end=0.1, length=20),
        one_minus_sqrt(end=0.1, length=20),
        polynomial(power=2, end=0.1, length=20),
        exponential(0.1, every=20, length=20),
        cosine(end=0.5, length=10).then(linear(start=0.5, end=0.1, length=10)),
    ],
    ids=repr,
)
def test_any_schedule_with_a_length_may_be_the_decay(decay: Schedule) -> None:
    at = warmup_stable_decay(warmup=10, decay=decay).over(Horizon.of(steps=100))
    assert (at(0), at(9), at(79), at(80)) == (0.1, 1.0, 1.0, 1.0)
    assert at(100) == pytest.approx(0.1)
    assert at(90) == pytest.approx(decay.over(Horizon.of(steps=20))(10))


def test_a_decay_without_a_length_is_refused() -> None:
    with pytest.raises(
        ScheduleError, match=r'decay=cosine\(\) has no length. Give it one, such as length="10%"'
    ):
        warmup_stable_decay(decay=cosine())
    with pytest.raises(ScheduleError, match="decay='10%' is no schedule"):
        warmup_stable_decay(decay="10%")  # type: ignore[arg-type]  # a user's mistake


def test_without_a_known_end_the_decay_waits_until_it_is_told() -> None:
    schedule = warmup_stable_decay(warmup=10, decay=linear(length=100))
    stream, told = schedule.over(Horizon.of()), schedule.over(Horizon.of(steps=1000))
    assert [stream(t) for t in range(900)] == [told(t) for t in range(900)]
    assert (stream(950), told(950), told(1000)) == (1.0, 0.5, 0.0)
    assert schedule.pieces(Horizon.of())[-1] == (10, None, schedule.shapes[1])
