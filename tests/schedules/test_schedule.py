import copy
import math
import pickle
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramgroups.schedules
from paramgroups.errors import ScheduleError
from paramgroups.schedules import (
    Chain,
    Factor,
    Horizon,
    Piece,
    Schedule,
    Shape,
    constant,
    cosine,
    cyclic,
    exponential,
    function,
    inverse_sqrt,
    linear,
    milestones,
    multiplicative,
    one_cycle,
    one_minus_sqrt,
    piecewise,
    polynomial,
    step,
    table,
    triangular,
    warmup,
    warmup_stable_decay,
)
from paramgroups.schedules.data import SHAPES
from tests.schedules.strategies import schedules

HUNDRED = Horizon.of(steps=100, steps_per_epoch=10)


def values(schedule: Schedule, horizon: Horizon = HUNDRED, ticks: int = 110) -> list[float]:
    at = schedule.over(horizon)
    return [at(t) for t in range(-2, ticks)]


@given(schedules())
def test_every_factor_is_finite_and_within_its_settings(schedule: Schedule) -> None:
    assert all(math.isfinite(value) and 0 <= value <= 1 + 1e-12 for value in values(schedule))


@given(schedules())
def test_a_repr_pastes_back(schedule: Schedule) -> None:
    pasted = eval(repr(schedule), vars(paramgroups.schedules))  # noqa: S307 - that it pastes back is the claim
    assert pasted == schedule
    assert hash(pasted) == hash(schedule)
    assert values(pasted) == values(schedule)


@given(schedules())
def test_a_schedule_can_be_copied_and_pickled(schedule: Schedule) -> None:
    assert copy.deepcopy(schedule) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule  # noqa: S301 - our own bytes


@given(schedules())
def test_each_part_of_a_chain_counts_its_own_steps(schedule: Schedule) -> None:
    at = schedule.over(HUNDRED)
    for start, ticks, shape in schedule.pieces(HUNDRED):
        alone = shape.spanning(HUNDRED, ticks)
        assert [at(start + t) for t in range(ticks or 0)] == [alone(t) for t in range(ticks or 0)]


@given(schedules())
def test_before_the_start_and_past_the_end_the_factor_is_held(schedule: Schedule) -> None:
    at = schedule.over(HUNDRED)
    assert at(-7) == at(0)
    assert at(100) == at(101) == at(10**9)


@given(schedules(), st.integers(0, 120))
def test_the_piece_at_a_tick_is_the_one_that_acts(schedule: Schedule, t: int) -> None:
    start, ticks, shape = schedule.piece_at(HUNDRED, t)
    assert schedule.over(HUNDRED)(t) == shape.spanning(HUNDRED, ticks)(t - start)


@given(schedules(), schedules(), schedules())
def test_chains_are_flat(a: Schedule, b: Schedule, c: Schedule) -> None:
    open_ended = [shape for part in (a, b, c) for shape in part.shapes if shape.length is None]
    if len(open_ended) <= 1:
        assert a.then(b).then(c) == a.then(b.then(c))


def test_a_schedule_reads_as_it_was_written() -> None:
    assert repr(warmup("5%").then(cosine(end=0.01))) == "warmup('5%').then(cosine(end=0.01))"
    assert repr(cosine(length=100, end=0)) == "cosine(length=100)"
    assert repr(step(every="1 epoch", length=9)) == "step(every='1 epoch', length=9)"
    assert repr(step(0.5, every=9).then(constant(2, length=1))) == (
        "step(0.5, every=9).then(constant(2.0, length=1))"
    )
    assert warmup(5).then(table([1.0], label="mine")).title == "warmup then mine"


def test_a_schedule_is_frozen_and_compared_by_value() -> None:
    assert cosine(end=0) == cosine()
    assert len({cosine(), cosine(end=0.0), linear()}) == 2
    assert cosine(length=100) != cosine()
    with pytest.raises(FrozenInstanceError):
        cosine().end = 0.1  # type: ignore[misc]  # that it is refused is the claim


def test_a_chain_fills_and_holds() -> None:
    at = warmup(10).then(linear(end=0.5)).over(HUNDRED)
    assert (at(0), at(9), at(10), at(55), at(100), at(101)) == (0.1, 1.0, 1.0, 0.75, 0.5, 0.5)


def test_a_chain_shorter_than_the_horizon_holds_its_last_value() -> None:
    at = warmup(10).then(linear(end=0.25, length=20)).over(HUNDRED)
    assert (at(29) > 0.25, at(30), at(99)) == (True, 0.25, 0.25)


def test_between_two_ticks_the_part_that_has_begun_acts() -> None:
    at = constant(0.5, length=10).then(linear()).over(HUNDRED)
    assert (at(9.9), at(10.0), at(55.0), at(32.5)) == (0.5, 1.0, 0.5, 0.75)


def test_parts_of_no_ticks_are_passed_over() -> None:
    assert values(warmup(0).then(cosine())) == values(cosine())
    assert values(warmup(100).then(cosine())) == values(warmup(100))
    assert values(constant(0.5, length=100).then(linear(length=0))) == values(constant(0.5))
    assert values(linear(end=0.2, length=0)) == [0.2] * 112
    assert values(warmup("1%").then(cosine()), Horizon.of(steps=10)) == values(cosine(), Horizon.of(steps=10))
    assert values(linear(length=0).then(linear(end=0.3, length=0))) == [0.3] * 112


ONE_TICK = {
    constant(0.5): (0.5, 0.5),
    linear(): (1.0, 0.0),
    cosine(end=0.1): (1.0, 0.1),
    polynomial(power=2): (1.0, 0.0),
    one_minus_sqrt(): (1.0, 0.0),
    step(0.5, every=1): (1.0, 0.5),
    exponential(0.5): (1.0, 0.5),
    inverse_sqrt(1): (1.0, math.sqrt(0.5)),
    milestones(0.5, at=(1,)): (1.0, 0.5),
    warmup(1): (1.0, 1.0),
    warmup(1, start=0.0): (0.0, 1.0),
    warmup("5%").then(cosine()): (1.0, 0.0),
    table([0.5, 0.25]): (0.5, 0.25),
    function("up", abs): (0.0, 1.0),
    function("ticks", abs, of="tick"): (0.0, 1.0),
    multiplicative("halves", lambda _: 0.5): (1.0, 0.5),
    piecewise([(0, 0.2), ("100%", 1)]): (0.2, 1.0),
    triangular(start=0.2): (0.2, 0.2),
    one_cycle(end=0.1): (0.1, 0.1),  # as torch's: the last tick is the only one
    cyclic(start=0.2, up=1): (0.2, 1.0),
    linear().repeat(times=3): (1.0, 0.0),
    linear().repeat(every=1): (1.0, 0.0),
    linear() * constant(0.5): (0.5, 0.0),
    linear().clamp(low=0.2): (1.0, 0.2),
    constant(0.5).within(start="100%"): (1.0, 1.0),
    warmup_stable_decay(): (1.0, 1.0),
}


@pytest.mark.parametrize("schedule", ONE_TICK, ids=repr)
def test_training_of_one_tick_and_its_end(schedule: Schedule) -> None:
    at = schedule.over(Horizon.of(steps=1))
    assert (at(0), at(1)) == (at(-1), at(2)) == ONE_TICK[schedule]


def test_every_shape_is_tried_over_one_tick() -> None:
    tried = {shape.word for schedule in ONE_TICK for shape in schedule.shapes}
    assert tried == {*SHAPES, "function", "multiplicative"}


def test_nothing_remaining_is_the_end() -> None:
    none_left = HUNDRED.rest(100)
    assert cosine(end=0.1).over(none_left)(0) == 0.1
    assert warmup("5%").then(cosine(end=0.1)).over(none_left)(0) == 0.1


def test_what_needs_no_end_works_on_a_stream() -> None:
    stream = Horizon.of(steps_per_epoch=10)
    at = warmup(10).then(cosine(end=0.5, length="2 epochs")).then(constant(0.5)).over(stream)
    assert (at(0), at(9), at(20), at(30), at(10**6)) == (0.1, 1.0, 0.75, 0.5, 0.5)
    assert step(0.5, every=10).over(stream)(35) == 0.125
    assert exponential(0.5, every="1 epoch").over(stream)(20) == 0.25
    assert table([1.0, 0.5]).over(stream)(99) == 0.5


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (constant(0.5), 0.5),
        (step(0.5, every=500), 0.25),
        (exponential(0.5, every="50 epochs"), 0.25),
        (inverse_sqrt(1000), math.sqrt(0.5)),
        (milestones(at=(30, 80)), 0.01),
        (cyclic(start=0, up=100), 0.0),
        (linear().repeat(every=400), 0.5),
        (function("ticks", lambda t: t / 1000, of="tick"), 1.0),
        (multiplicative("grow", lambda t: 1 + 1 / t), 1001),
        (piecewise([(0, 1), (2000, 0)]), 0.5),
        (constant(0.5) * step(0.5, every=500), 0.125),
        (step(0.5, every=500).clamp(low=0.3), 0.3),
        (step(0.5, every=500).within(start=500), 0.5),
        (warmup(100).then(constant()).then(linear(length=1000)), 1.0),
        (warmup(100).then(constant()).then(linear(length="10%")), 1.0),
        (warmup(100).then(step(0.5, every=450)).then(cosine(length="3 epochs")), 0.25),
    ],
    ids=repr,
)
def test_what_needs_no_end_works_without_one_and_goes_on_as_before_when_it_is_told(
    schedule: Schedule, expected: float
) -> None:
    stream = schedule.over(Horizon.of(steps_per_epoch=10))
    assert stream(1000) == pytest.approx(expected)
    told = schedule.over(Horizon.of(steps=10_000, steps_per_epoch=10))
    assert [stream(t) for t in range(1001)] == [told(t) for t in range(1001)]


def test_before_the_end_is_known_later_parts_have_not_begun() -> None:
    schedule = warmup(100).then(constant()).then(linear(length=1000))
    assert schedule.pieces(Horizon.of()) == ((0, 100, warmup(100)), (100, None, constant()))
    assert schedule.piece_at(Horizon.of(), 10**9).shape == constant()
    assert schedule.over(Horizon.of(steps=2000))(1500) == 0.5


@pytest.mark.parametrize("schedule", [cosine(), warmup(5).then(linear())])
def test_a_shape_that_needs_an_end_says_so_on_a_stream(schedule: Schedule) -> None:
    with pytest.raises(ScheduleError, match=r"needs to know how long it takes.*no known end. Give steps="):
        schedule.over(Horizon.of())


@pytest.mark.parametrize(
    "schedule",
    [warmup("5%").then(constant()), cosine(length="50%"), step(every="10%"), linear().then(warmup(3))],
)
def test_a_share_of_a_stream_is_refused(schedule: Schedule) -> None:
    with pytest.raises(ScheduleError, match="Give steps="):
        schedule.over(Horizon.of())


def test_two_parts_cannot_both_fill() -> None:
    message = r"constant\(\) and cosine\(end=0.1\) both fill the rest .* such as length=\"10%\""
    with pytest.raises(ScheduleError, match=message):
        warmup(5).then(constant()).then(cosine(end=0.1))


@pytest.mark.parametrize(
    ("schedule", "named"),
    [
        (cosine(length=101), r"of 101 steps \(cosine 101\)"),
        (warmup(60).then(cosine(length="5 epochs")), r"of 110 steps \(warmup 60, cosine 50\)"),
        (warmup(101).then(cosine()), r"of 101 steps \(warmup 101\)"),
    ],
)
def test_a_schedule_longer_than_the_horizon_is_refused(schedule: Schedule, named: str) -> None:
    with pytest.raises(ScheduleError, match=f"{named} is longer than the horizon of 100 steps"):
        schedule.over(HUNDRED)


def test_what_is_no_schedule_or_horizon_is_refused() -> None:
    with pytest.raises(ScheduleError, match=r"'0.5' is no schedule. Write one"):
        warmup(5).then("0.5")  # type: ignore[arg-type]  # a user's mistake
    with pytest.raises(ScheduleError, match=r"100 is no horizon. Write Horizon.of"):
        cosine().over(100)  # type: ignore[arg-type]  # a user's mistake
    with pytest.raises(ScheduleError, match="A chain has no parts"):
        Chain(())


def test_a_factor_too_large_for_a_number_is_refused_where_it_is() -> None:
    at = exponential(10, every=1).over(Horizon.of(steps=1000))
    assert at(2) == 100
    with pytest.raises(ScheduleError, match="exponential is too large for a number at tick 400"):
        at(400)


@pytest.mark.parametrize(
    "schedule",
    [
        table([1.0] * 3),
        linear(),
        warmup(5).then(cosine()),
        cosine().repeat(every=7),
        linear() * step(every=9),
    ],
    ids=["table", "one shape", "chain", "repeat", "product"],
)
@pytest.mark.parametrize(
    "asked",
    [math.nan, "a", None, 1j, np.arange(3), torch.arange(3)],
    ids=["nan", "text", "none", "complex", "array", "tensor"],
)
def test_what_is_no_tick_has_no_factor(schedule: Schedule, asked: Any) -> None:
    with pytest.raises(ScheduleError, match=r"is no tick\. Ask at a number: the first tick is 0\."):
        schedule.over(HUNDRED)(asked)


@dataclass(frozen=True, repr=False)
class Broken(Shape):
    def formula(self, horizon: Horizon, ticks: int | None) -> Factor:  # noqa: ARG002 - it fails anyhow
        return lambda t: math.sqrt(-1 - t)


@pytest.mark.parametrize("schedule", [Broken(), warmup(5).then(Broken())], ids=["one shape", "chain"])
def test_a_formula_that_fails_at_a_tick_is_not_blamed_on_the_tick(schedule: Schedule) -> None:
    with pytest.raises(ValueError, match="math domain error"):
        schedule.over(HUNDRED)(7)


@pytest.mark.parametrize("asked", [math.inf, 10**400], ids=["infinity", "a huge int"])
def test_past_all_ticks_a_factor_is_held(asked: float) -> None:
    assert cosine(end=0.5).over(HUNDRED)(asked) == 0.5
    assert step(0.5, every=5).over(Horizon.of())(asked) == 0.0
    assert warmup(5).then(step(0.5, every=5)).over(Horizon.of())(asked) == 0.0


def test_pieces_are_places() -> None:
    schedule = warmup("5%").then(cosine())
    assert schedule.pieces(HUNDRED) == (Piece(0, 5, warmup("5%")), Piece(5, 95, cosine()))
    assert cosine(length=30).pieces(HUNDRED) == (Piece(0, 30, cosine(length=30)),)


def test_warmup_must_be_told_how_long() -> None:
    with pytest.raises(TypeError, match="length"):
        warmup()  # type: ignore[call-arg]  # a user's mistake


def test_an_error_about_a_long_table_is_short() -> None:
    with pytest.raises(ScheduleError) as caught:
        table([0.5] * 10_000).then(cosine())
    assert len(str(caught.value)) < 300
