import copy
import pickle
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.planning.timing import Ramp, Timing
from paramgroups.schedules import (
    Horizon,
    Schedule,
    constant,
    cosine,
    cyclic,
    exponential,
    function,
    inverse_sqrt,
    linear,
    milestones,
    one_cycle,
    piecewise,
    step,
    triangular,
    warm_restarts,
    warmup,
    warmup_stable_decay,
)
from tests.schedules.strategies import schedules

HUNDRED = Horizon.of(steps=100, steps_per_epoch=10)
MILLION = Horizon.of(steps=1_000_000)


@given(schedules(), st.integers(0, 99), st.integers(1, 100))
def test_the_extremes_are_those_of_all_ticks(schedule: Schedule, start: int, ticks: int) -> None:
    timing, stop = Timing(schedule, 0, HUNDRED), min(start + ticks, 100)
    every = [timing.factor(tick) for tick in range(start, stop)]
    lowest, highest = map(timing.factor, timing.extremes(start, stop))
    assert lowest == pytest.approx(min(every), rel=1e-12, abs=1e-300)
    assert highest == pytest.approx(max(every), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("began", [0, 1, 37, 99])
@pytest.mark.parametrize(
    "schedule",
    [
        triangular(),
        one_cycle(rise="33%"),
        cyclic(start=0.1, up=7, tick_factor=0.9),
        warm_restarts(every=9, stretch=2),
    ],
    ids=repr,
)
def test_a_clock_that_begins_later_has_the_same_extremes(schedule: Schedule, began: int) -> None:
    timing = Timing(schedule, began, HUNDRED)
    every = [timing.factor(tick) for tick in range(100)]
    assert tuple(map(timing.factor, timing.extremes(0, 100))) == (min(every), max(every))


def test_before_its_clock_begins_the_factor_is_that_of_its_start() -> None:
    timing = Timing(linear(), 50, HUNDRED)
    assert [timing.factor(tick) for tick in (0, 49, 50, 75, 100)] == [1.0, 1.0, 1.0, 0.5, 0.0]
    assert timing.factor is timing.factor


def test_a_copy_finds_its_factor_anew() -> None:
    timing = Timing(linear(), 50, HUNDRED)
    assert timing.factor(75) == 0.5
    for found in (copy.deepcopy(timing), pickle.loads(pickle.dumps(timing))):  # noqa: S301 - our own bytes
        assert found == timing
        assert found.factor(75) == 0.5


def calls(action: Callable[[], object]) -> int:
    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "schedule",
    [
        warmup("5%").then(cosine()),
        warmup_stable_decay(),
        one_cycle(),
        step(0.9, every=1000),
        milestones(at=("30%", "60%")),
        piecewise([(0, 0.1), ("50%", 1), ("100%", 0)], between="cosine"),
        warmup(1000).then(inverse_sqrt(1000)),
        warm_restarts(every=1000, stretch=2),
        cosine().repeat(times=3),
        cyclic(start=0.1, up=100_000),
        cosine() * step(0.5, every=1000),
        exponential(0.9999).clamp(low=0.1),
        cosine() * constant(0.1).within(start="20%", until="50%"),
    ],
    ids=repr,
)
def test_few_ticks_of_a_million_are_looked_at(schedule: Schedule) -> None:
    timing = Timing(schedule, 0, MILLION)
    assert calls(lambda: timing.extremes(0, 1_000_000)) < 10_000


def test_all_ticks_are_looked_at_where_the_turns_are_not_known() -> None:
    seen: list[float] = []

    def spike(t: float) -> float:
        seen.append(t)
        return 2.0 if t == 77 else 1.0

    timing = Timing(function("spike", spike, of="tick"), 0, HUNDRED)
    assert timing.extremes(0, 100)[1] == 77
    stream = Timing(function("spike", spike, of="tick"), 0, Horizon.of())
    assert stream.extremes(0, 1000)[1] == 77
    assert set(seen) == set(range(1000))


RAMP = Ramp(20, 10)


@pytest.mark.parametrize("schedule", [None, linear()], ids=repr)
def test_a_ramp_multiplies_the_factor(schedule: Schedule | None) -> None:
    timing = Timing(schedule, 0, HUNDRED, RAMP)
    factor = (lambda _: 1.0) if schedule is None else linear().over(HUNDRED)
    assert [timing.factor(tick) for tick in (20, 24, 29)] == pytest.approx(
        [0.1 * factor(20), 0.5 * factor(24), factor(29)]
    )
    assert (timing.scheduled(24), RAMP.factor(29.5)) == (factor(24), 1.0)
    assert RAMP.place(24) == "5 of 10"
    assert pickle.loads(pickle.dumps(timing)) == timing  # noqa: S301 - our own bytes


def test_a_ramp_alone_has_no_parts_that_wait() -> None:
    timing = Timing(None, 0, HUNDRED, RAMP)
    assert (timing.waiting, timing.words, timing.extremes(20, 30)) == ((), "rewarm(10)", (20, 29))
    assert Timing(linear(), 0, HUNDRED, RAMP).words == "linear() × rewarm(10)"


@given(schedules(), st.integers(0, 99), st.integers(1, 100))
def test_the_extremes_within_a_ramp_are_its_own(schedule: Schedule, start: int, ticks: int) -> None:
    timing = Timing(schedule, 0, HUNDRED, Ramp(start, ticks))
    every = [timing.factor(tick) for tick in range(start, min(start + ticks, 100))]
    lowest, highest = map(timing.factor, timing.extremes(start, min(start + ticks, 100)))
    assert (lowest, highest) == (min(every), max(every))


def test_of_a_long_ramp_few_ticks_are_looked_at() -> None:
    timing = Timing(cosine(), 0, MILLION, Ramp(0, 1_000_000))
    assert calls(lambda: timing.extremes(0, 1_000_000)) < 60_000
    highest = max(timing.factor(tick) for tick in range(300_000, 500_000, 100))
    assert timing.factor(timing.extremes(0, 1_000_000)[1]) == pytest.approx(highest, rel=1e-5)
