from typing import Any

import pytest

from paramgroups.errors import ScheduleError
from paramgroups.schedules import (
    Horizon,
    Schedule,
    one_cycle,
    piecewise,
    slanted_triangular,
    triangular,
    warmup,
)

HUNDRED = Horizon.of(steps=100)


def values(schedule: Schedule, *ticks: float, horizon: Horizon = HUNDRED) -> list[float]:
    at = schedule.over(horizon)
    return [at(t) for t in ticks]


def test_points_are_met_and_held_before_and_after() -> None:
    points: Any = [(10, 0.5), ("50%", 1), (90, 0)]
    assert values(piecewise(points), 0, 10, 30, 50, 70, 90, 95, 200) == [0.5, 0.5, 0.75, 1, 0.5, 0, 0, 0]
    cosine = values(piecewise(points, between="cosine"), 10, 30, 50, 70, 90)
    assert cosine == pytest.approx([0.5, 0.75, 1.0, 0.5, 0.0])
    assert values(piecewise(points, between="cosine"), 20)[0] < 0.625
    assert values(piecewise(points, between="hold"), 0, 49, 50, 89, 90) == [0.5, 0.5, 1.0, 1.0, 0.0]


def test_two_points_at_one_tick_are_a_jump() -> None:
    assert values(piecewise([(0, 1), (50, 1), (50, 0.5), (100, 0)]), 49, 50, 75) == [1.0, 0.5, 0.25]


def test_one_point_is_a_constant() -> None:
    assert values(piecewise([("50%", 0.3)]), 0, 50, 100) == [0.3] * 3


def test_shares_of_points_are_of_the_part() -> None:
    parted = warmup(20).then(piecewise([(0, 1), ("50%", 0.5), ("100%", 0)]))
    assert values(parted, 20, 60, 100) == [1.0, 0.5, 0.0]


def test_points_in_ticks_need_no_end() -> None:
    at = piecewise([(0, 1), (100, 0.1)]).over(Horizon.of())
    assert (at(0), at(50), at(10**9)) == (1.0, 0.55, 0.1)


def test_points_read_as_they_were_written() -> None:
    shape = piecewise([(0, 1), ("50%", 0)], between="hold")
    assert repr(shape) == "piecewise(((0, 1.0), ('50%', 0.0)), between='hold')"
    assert shape == piecewise(((0, 1.0), ["50%", 0.0]), between="hold")  # type: ignore[arg-type]  # as from TOML


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"points": []}, "piecewise: points is empty"),
        ({"points": 3}, "piecewise: points=3 is no list"),
        ({"points": [3]}, r"piecewise: points\[0\]=3 is no list"),
        ({"points": [(3, 1, 2)]}, r"piecewise: points\[0\]=\(3, 1, 2\) is no pair"),
        ({"points": [(0.5, 1)]}, r"piecewise: points\[0\]: tick=0.5 is a bare float"),
        ({"points": [(5, -1)]}, r"piecewise: points\[0\]: factor=-1 is negative"),
        ({"points": [(5, 1)], "between": "spline"}, "between='spline' is not known. Write one of \"linear\""),
    ],
)
def test_what_are_no_points_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        piecewise(**settings)


def test_points_are_met_in_the_order_of_their_ticks() -> None:
    at = piecewise([("50%", 1), (0, 0), (50, 0.5), (100, 0)]).over(HUNDRED)
    assert [at(t) for t in (0, 25, 50, 100)] == [0, 0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (piecewise([(0, 1), (101, 0)]), "piecewise: points=101 is past the end of its 100 steps"),
        (triangular(rise=101), "triangular: rise=101 is past the end of its 100 steps"),
        (one_cycle(rise="60%", symmetric=True), "one_cycle: rise='60%' twice is longer than its 100 steps"),
    ],
)
def test_what_does_not_fit_is_refused(shape: Schedule, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        shape.over(HUNDRED)


@pytest.mark.parametrize("shape", [triangular(), one_cycle()])
def test_cycles_need_to_know_their_end(shape: Schedule) -> None:
    with pytest.raises(ScheduleError, match="needs to know how long it takes"):
        shape.over(Horizon.of())


def test_a_triangle_climbs_and_falls() -> None:
    assert values(triangular(), 0, 25, 50, 75, 100, 200) == [0, 0.5, 1, 0.5, 0, 0]
    assert values(triangular(start=0.5, rise=0), 0, 50, 100) == [1.0, 0.75, 0.5]
    assert values(triangular(rise="100%"), 0, 50, 100) == [0.0, 0.5, 0.0]


def test_the_slanted_triangle_is_that_of_its_paper() -> None:
    ratio, cut = 32, 10

    def theirs(t: int) -> float:
        p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / 0.1 - 1))
        return (1 + p * (ratio - 1)) / ratio

    assert values(slanted_triangular(), *range(100)) == pytest.approx([theirs(t) for t in range(100)])


def test_one_cycle_over_a_few_ticks() -> None:
    assert values(one_cycle(end=0.1), 0, horizon=Horizon.of(steps=1)) == [0.1]
    assert values(one_cycle(end=0.1, rise="50%"), 0, 1, 2, horizon=Horizon.of(steps=2)) == [1.0, 0.1, 0.1]
    assert values(one_cycle(end=0.1, symmetric=True), 0, horizon=Horizon.of(steps=1)) == [0.1]


def test_one_cycle_does_not_hold() -> None:
    with pytest.raises(
        ScheduleError, match=r'between=\'hold\' is not known. Write one of "cosine", "linear"'
    ):
        one_cycle(between="hold")  # type: ignore[arg-type]  # a user's mistake
    with pytest.raises(ScheduleError, match=r"symmetric=1 is a int. Write True or False"):
        one_cycle(symmetric=1)  # type: ignore[arg-type]  # a user's mistake


def test_knots_are_turns() -> None:
    assert triangular().turns(HUNDRED, 100) == (0.0, 50.0, 100.0)
    assert one_cycle().turns(HUNDRED, 100) == (0.0, 29.0, 99.0)
