import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
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
    multiplicative,
    table,
    tabulate,
    warmup,
)
from tests.schedules.strategies import schedules

HUNDRED = Horizon.of(steps=100, steps_per_epoch=10)


def square(u: float) -> float:
    return (1 - u) ** 2


def wave(u: float) -> float:
    return 1 + math.sin(20 * u)


def test_a_function_is_asked_for_its_own_progress() -> None:
    at = warmup(50).then(function("square", square)).over(HUNDRED)
    assert (at(49), at(50), at(75), at(100), at(200)) == (1.0, 1.0, 0.25, 0.0, 0.0)


def test_a_function_is_itself() -> None:
    assert function("a", square) == function("a", square)
    assert function("a", square) != function("a", wave)
    assert hash(function("a", square)) == hash(function("a", square))
    assert repr(function("a", square, length=3)) == "function('a', square, length=3)"
    assert function("a", square).title == "a"


@pytest.mark.parametrize("number", [1, np.float64(0.5), np.float32(0.5), Fraction(1, 2)])
def test_a_function_may_return_any_real_number(number: Any) -> None:
    found = function("mine", lambda _: number).over(HUNDRED)(3)
    assert type(found) is float
    assert found == number


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.tensor(0.5), "is a Tensor"),
        ("0.5", "='0.5' is a str"),
        (None, "=None is a NoneType"),
        (True, "=True is a bool"),
        (math.nan, "=nan is not finite"),
        (10**400, "is not finite"),
        (-0.5, "=-0.5 is negative"),
        (1j, "is a complex"),
    ],
)
def test_what_a_function_returns_is_checked(returned: Any, message: str) -> None:
    at = function("mine", lambda _: returned).over(HUNDRED)
    with pytest.raises(ScheduleError, match=f'function "mine" at progress 0.5: factor.*{message}'):
        at(50)


def test_a_function_that_raises_is_named_with_the_progress() -> None:
    at = function("mine", lambda u: 1 / (1 - u)).over(HUNDRED)
    assert at(50) == 2
    with pytest.raises(ScheduleError, match='"mine" at progress 1 raised ZeroDivisionError') as caught:
        at(100)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_function_of_the_tick_needs_no_end_and_is_given_whole_numbers() -> None:
    asked: list[float] = []
    at = warmup(10).then(function("mine", lambda t: asked.append(t) or 0.5, of="tick")).over(Horizon.of())  # type: ignore[func-returns-value]  # to note and return
    assert [at(t) for t in (9, 10, 11, 10**6)] == [1.0, 0.5, 0.5, 0.5]
    assert asked == [0, 1, 10**6 - 10]
    assert {type(t) for t in asked} == {int}


def test_a_product_of_each_tick_asks_once_for_each() -> None:
    asked: list[int] = []
    at = multiplicative("mine", lambda t: asked.append(t) or 0.5).over(Horizon.of())  # type: ignore[func-returns-value]  # to note and return
    assert [at(t) for t in (3, 0, 2, 3, 5, 4.5)] == [0.125, 1.0, 0.25, 0.125, 1 / 32, 1 / 16]
    assert asked == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("returned", [torch.tensor(0.5), math.nan, -0.5, None])
def test_what_a_function_of_the_tick_returns_is_checked(returned: Any) -> None:
    for shape in (
        function("mine", lambda _: returned, of="tick"),
        multiplicative("mine", lambda _: returned),
    ):
        with pytest.raises(ScheduleError, match=rf'{shape.word} "mine" at tick 1: factor='):
            shape.over(HUNDRED)(1)
        with pytest.raises(ScheduleError, match=rf'{shape.word} "mine" at tick 1: factor='):
            (linear() * shape.clamp()).repeat(every=50).over(HUNDRED)(51)


def test_a_function_of_the_tick_that_raises_is_named_with_the_tick() -> None:
    at = function("mine", lambda t: 1 / (t - 7), of="tick").over(HUNDRED)
    with pytest.raises(ScheduleError, match='function "mine" at tick 7 raised ZeroDivisionError'):
        at(7)
    growing = multiplicative("mine", lambda _: 1e200).over(HUNDRED)
    with pytest.raises(ScheduleError, match="multiplicative is too large for a number at tick 2"):
        growing(2)


def test_a_function_is_of_progress_or_of_the_tick() -> None:
    with pytest.raises(
        ScheduleError, match=r'function: of=\'steps\' is not known. Write one of "progress", "tick"'
    ):
        function("mine", square, of="steps")  # type: ignore[arg-type]  # a user's mistake
    assert repr(function("a", square, of="tick")) == "function('a', square, of='tick')"


def test_a_function_without_a_name_or_a_call_is_refused() -> None:
    with pytest.raises(ScheduleError, match="function: label=' ' is no name"):
        function(" ", square)
    with pytest.raises(ScheduleError, match=r"function: fn=0.5 is no function"):
        function("mine", 0.5)  # type: ignore[arg-type]  # a user's mistake


def test_a_table_holds_each_value_for_its_tick() -> None:
    at = table([0.5, 1, 0.25], label="mine").over(HUNDRED)
    assert [at(t) for t in (-1, 0, 0.9, 1, 2, 3, 1e9)] == [0.5, 0.5, 0.5, 1.0, 0.25, 0.25, 0.25]
    assert table((1.0, 0.5), length=1).over(HUNDRED)(7) == 0.5


@pytest.mark.parametrize("values", [[1, 0.5], (1, 0.5), np.array([1, 0.5]), range(1, 2)])
def test_a_table_takes_any_list_of_numbers(values: Any) -> None:
    assert table(values).values == tuple(values)
    assert repr(table([1, 0.5])) == "table((1.0, 0.5))"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "table: values is empty"),
        (0.5, "table: values=0.5 is no list"),
        ("12", "table: values='12' is no list"),
        ({1.0}, "is no list"),
        (torch.tensor(0.5), "is no list"),
        (torch.tensor([0.5]), r"table: values\[0\]=.*is a Tensor"),
        ([1, -1], r"table: values\[1\]=-1 is negative"),
        ([1, math.nan], r"table: values\[1\]=nan is not finite"),
    ],
)
def test_what_is_no_table_is_refused(values: Any, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        table(values)
    with pytest.raises(ScheduleError, match="table: label=3 is no name"):
        table([1.0], label=3)  # type: ignore[arg-type]  # a user's mistake


@pytest.mark.parametrize(
    "schedule",
    [
        function("wave", wave),
        function("wave", wave, length=30),
        warmup("5%").then(function("wave", wave, length="33%")).then(cosine()),
        function("wave", wave).then(function("square", square, length=30)),
        function("wave", wave, length=100).then(constant()),
        warmup(100).then(function("wave", wave)),
        function("wave", wave, of="tick"),
        multiplicative("slowing", lambda t: 1 - 1 / (t + 1)),
        warmup("5%").then(multiplicative("slowing", lambda t: 1 - 1 / (t + 1), length=40)),
        function("wave", wave).repeat(every=30, stretch=2).then(constant(length=10)),
        linear() * function("square", square).clamp(low=0.1),
        warmup(10).then((linear() * function("wave", wave, of="tick")).within(start=20).repeat(times=3)),
    ],
    ids=repr,
)
def test_the_table_of_a_function_has_its_values_at_every_tick(schedule: Schedule) -> None:
    saved = tabulate(schedule, HUNDRED)
    assert schedule.opaque
    assert not saved.opaque
    ours, theirs = schedule.over(HUNDRED), saved.over(HUNDRED)
    assert [ours(t) for t in range(-2, 120)] == [theirs(t) for t in range(-2, 120)]


def test_the_table_of_a_function_is_named_and_as_long() -> None:
    assert tabulate(function("down", lambda u: 1 - u, length=2), HUNDRED) == table(
        [1.0, 0.5, 0.0], label="down", length=2
    )


@given(schedules())
def test_what_holds_no_function_is_saved_as_it_is(schedule: Schedule) -> None:
    assert tabulate(schedule, HUNDRED) == schedule


def test_a_function_without_an_end_has_no_table() -> None:
    with pytest.raises(ScheduleError, match=r"function needs to know how long it takes.*Give steps="):
        tabulate(function("square", square), Horizon.of())
    for schedule in (function("mine", square, of="tick"), multiplicative("mine", square)):
        with pytest.raises(ScheduleError, match=rf'{schedule.word} "mine" has no table.*Give steps='):
            tabulate(schedule, Horizon.of())


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_function_agrees_with_the_shape_that_it_writes_out(start: float, end: float) -> None:
    ours = linear(start=start, end=end).over(HUNDRED)
    same = function("line", lambda u: start * (1 - u) + end * u).over(HUNDRED)
    assert [ours(t) for t in range(101)] == [same(t) for t in range(101)]


def test_parts_that_have_not_begun_stay_in_the_table_of_a_stream() -> None:
    decay = constant().then(linear(length=10))
    first = function("down", lambda t: 1 - t / 4, of="tick", length=2)
    saved = tabulate(first.then(decay), Horizon.of())
    assert saved == table([1.0, 0.75, 0.5], label="down", length=2).then(decay)
