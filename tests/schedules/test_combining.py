import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramgroups.schedules
from paramgroups.errors import ScheduleError
from paramgroups.schedules import (
    Horizon,
    Schedule,
    clamp,
    constant,
    cosine,
    exponential,
    function,
    linear,
    product,
    repeat,
    step,
    table,
    warmup,
    window,
)
from tests.schedules.strategies import NESTED

HUNDRED = Horizon.of(steps=100, steps_per_epoch=10)


def values(schedule: Schedule, *ticks: float, horizon: Horizon = HUNDRED) -> list[float]:
    at = schedule.over(horizon)
    return [at(t) for t in ticks or range(110)]


@given(NESTED, NESTED)
def test_a_product_is_the_product(a: Schedule, b: Schedule) -> None:
    expected = [x * y for x, y in zip(values(a), values(b), strict=True)]
    assert values(a * b) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@given(NESTED, st.floats(0, 1))
def test_a_clamp_bounds_and_changes_nothing_within(held: Schedule, low: float) -> None:
    assert values(held.clamp(low=low, high=0.75 + low)) == [
        min(max(value, low), 0.75 + low) for value in values(held)
    ]


@given(NESTED, st.integers(0, 100), st.integers(0, 100))
def test_a_window_is_a_horizon_of_its_own(held: Schedule, a: int, b: int) -> None:
    start, until = sorted((a, b))
    inner = held.over(Horizon.of(steps=until - start, steps_per_epoch=10)) if start < until else None
    for t, found in enumerate(values(held.within(start=start, until=until))):
        assert found == (inner(t - start) if inner and start <= t < until else 1.0)


def test_products_read_as_they_were_written_and_are_flat() -> None:
    a, b, c = cosine(), step(every=30), warmup(5).then(constant())
    assert (a * b) * c == a * (b * c) == product(a, b, c)
    assert repr(a * b * c) == "product(cosine(), step(every=30), warmup(5).then(constant()))"
    assert repr(product(a, length="20%")) == "product(cosine(), length='20%')"
    assert product(product(a, length=10), b).schedules == (product(a, length=10), b)


def test_each_part_of_a_product_spans_the_whole() -> None:
    cut = warmup(20).then(linear() * constant(0.5, length=40))
    assert values(cut, 20, 60, 100) == [0.5, 0.25, 0.0]
    assert values(linear() * step(0.5, every="50%"), 0, 50) == [1.0, 0.25]


def test_a_clamp_serves_a_stream_and_a_chain() -> None:
    at = exponential(0.5, every=10).clamp(low=0.125).over(Horizon.of())
    assert [at(t) for t in (0, 10, 30, 10**6)] == [1.0, 0.5, 0.125, 0.125]
    short = linear().clamp(low=0.25, length=40).then(constant())
    assert values(short, 0, 20, 39, 40) == [1.0, 0.5, 0.25, 1.0]


def test_a_combination_without_a_length_fills_whatever_it_holds() -> None:
    with pytest.raises(ScheduleError, match="both fill the rest"):
        linear(length=40).clamp(low=0.25).then(constant())


def test_a_window_acts_from_its_start_to_before_its_end() -> None:
    quarter = constant(0.25)
    assert values(quarter.within(start="20%", until=50), 19, 20, 49, 50) == [1.0, 0.25, 0.25, 1.0]
    assert values(linear().within(start=20), 19, 20, 60, 100, 200) == [1.0, 1.0, 0.5, 0.0, 0.0]
    assert values(linear().within(until="50%"), 0, 25, 49, 50) == [1.0, 0.5, pytest.approx(0.02), 1.0]
    assert values(quarter.within(start=100)) == [*[1.0] * 110]
    assert values(quarter.within(start=30, until=30)) == [1.0] * 110


def test_shares_of_a_window_are_of_the_part() -> None:
    part = warmup(20).then(constant(0.5).within(start="50%"))
    assert values(part, 59, 60, 99) == [1.0, 0.5, 0.5]


def test_a_window_serves_a_stream() -> None:
    at = (exponential(0.5, every=10) * constant(0.5).within(start=10, until=20)).over(Horizon.of())
    assert [at(t) for t in (0, 10, 20)] == [1.0, 0.25, 0.25]
    at = exponential(0.5, every=10).within(start=10).over(Horizon.of())
    assert [at(t) for t in (9, 10, 20)] == [1.0, 1.0, 0.5]


def test_a_product_past_all_numbers_is_refused_where_it_is() -> None:
    at = (constant(1e200) * linear(start=0, end=1e200)).over(HUNDRED)
    assert at(0) == 0
    with pytest.raises(ScheduleError, match="product is too large for a number at tick 50"):
        at(50)


A_HALF = r"0.5 is a number. Write constant\(0.5\), as in constant\(0.5\) \* linear\(\)"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (product, "A product has no schedules. Write at least one"),
        (lambda: cosine() * 0.5, A_HALF),  # type: ignore[operator]  # a mistake
        (lambda: 0.5 * cosine(), A_HALF),
        (lambda: cosine() * "a", "'a' is no schedule. Write one"),  # type: ignore[operator]  # a mistake
        (lambda: True * cosine(), "True is no schedule. Write one"),
        (lambda: clamp(0.5), r"clamp: schedule=0.5 is a number. Write constant\(0.5\)"),  # type: ignore[arg-type]  # a mistake
        (lambda: window(cosine), "window: schedule=<class .*> is no schedule"),  # type: ignore[arg-type]  # a mistake
        (
            lambda: cosine().clamp(low=0.5, high=0.1),
            "clamp: low=0.5 is above high=0.1. Write the smaller as low",
        ),
        (lambda: cosine().clamp(low=-1), "clamp: low=-1 is negative"),
        (lambda: cosine().within(start=0.5), "window: start=0.5 is a bare float"),  # type: ignore[arg-type]  # a mistake
        (
            lambda: cosine().within(start=9, until=3).over(HUNDRED),
            "window: start=9 is after until=3. Swap them",
        ),
        (
            lambda: cosine().within(until=101).over(HUNDRED),
            "window: until=101 is past the end of its 100 steps",
        ),
        (lambda: cosine().within(until=9).over(Horizon.of(steps=8)), "past the end of its 8 steps"),
        (
            lambda: cosine(length=30).within(until=20).over(HUNDRED),
            "window: A schedule of 30 steps .* is longer",
        ),
        (lambda: (cosine() * warmup(101)).over(HUNDRED), "product: A schedule of 101 steps .* is longer"),
        (lambda: cosine().clamp().over(Horizon.of()), "clamp: cosine needs to know how long it takes"),
    ],
)
def test_what_has_no_meaning_is_refused(made: object, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        made()  # type: ignore[operator]  # a function without arguments


def test_nesting_has_an_end() -> None:
    schedule: Schedule = cosine()
    while schedule.depth < 20:
        schedule = schedule.clamp()
    with pytest.raises(ScheduleError, match="clamp: schedules stand within each other more than 20 times"):
        schedule.clamp()
    pasted = eval(repr(schedule), vars(paramgroups.schedules))  # noqa: S307 - that it pastes back is the claim
    assert pasted == schedule


def test_turns_of_a_product_are_every_tick_only_where_factors_go_opposite_ways() -> None:
    both_fall = cosine() * step(0.5, every=30)
    assert len(set(both_fall.turns(HUNDRED, 100) or ())) <= 6
    assert set((warmup(30).then(constant()) * linear()).turns(HUNDRED, 100) or ()) >= set(range(30))
    assert len(set((warmup(30).then(constant()) * linear()).turns(HUNDRED, 100) or ())) < 40
    assert both_fall.turns(Horizon.of(), None) is None
    assert (table([1]) * cosine()).turns(HUNDRED, 100) == list(range(101))


def test_turns_of_a_clamp_and_a_window_are_those_within() -> None:
    assert cosine().clamp(low=0.5).turns(HUNDRED, 100) == (0, 100)
    assert set(cosine().within(start=20, until=50).turns(HUNDRED, 100) or ()) == {20, 50}
    assert set(constant().within(start=20, until=50).turns(Horizon.of(), None) or ()) == {20, 50}
    assert function("a", lambda t: t, of="tick").within(start=3).turns(Horizon.of(), None) is None


def test_a_combination_is_opaque_when_what_it_holds_is() -> None:
    mine = function("mine", lambda u: u)
    for shape in (mine * cosine(), mine.clamp(), warmup(3).then(mine).within(start=3), repeat(mine, times=2)):
        assert shape.opaque
    assert not (cosine() * linear()).opaque
    assert not warmup(3).then(cosine()).opaque
