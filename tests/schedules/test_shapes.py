"""The formulas by hand; test_torch.py and test_transformers.py compare them with other libraries'."""

import math
from typing import Any

import pytest
import torch

from paramgroups.errors import ScheduleError
from paramgroups.schedules import (
    Horizon,
    Schedule,
    Shape,
    constant,
    cosine,
    exponential,
    function,
    inverse_sqrt,
    linear,
    milestones,
    one_minus_sqrt,
    polynomial,
    step,
    table,
    warmup,
)

THREE_HUNDRED = Horizon.of(steps=300)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (constant(0.3), [0.3, 0.3, 0.3, 0.3]),
        (linear(), [1.0, 0.5, 0.0, 0.0]),
        (linear(start=0.0, end=1.0), [0.0, 0.5, 1.0, 1.0]),
        (linear(end=0.1), [1.0, 0.55, 0.1, 0.1]),
        (cosine(end=0.2), [1.0, 0.6, 0.2, 0.2]),
        (polynomial(power=2, end=0.2), [1.0, 0.4, 0.2, 0.2]),
        (cosine(start=0, end=1), [0.0, 0.5, 1.0, 1.0]),
        (cosine(start=0.2, end=0.6), [0.2, 0.4, 0.6, 0.6]),
        (polynomial(power=2, start=0.2, end=1), [0.2, 0.8, 1.0, 1.0]),
        (one_minus_sqrt(), [1.0, 1 - math.sqrt(0.5), 0.0, 0.0]),
        (one_minus_sqrt(start=0.5, end=1), [0.5, 0.5 + math.sqrt(0.5) / 2, 1.0, 1.0]),
        (step(0.5, every=50), [1.0, 0.5, 0.25, 0.25]),
        (step(0.0, every=50), [1.0, 0.0, 0.0, 0.0]),
        (step(0.5, every="50%", length="60%"), [1.0, 0.5, 0.5, 0.5]),
        (exponential(0.25, every=100), [1.0, 0.5, 0.25, 0.25]),
        (exponential(0.0, every=100), [1.0, 0.0, 0.0, 0.0]),
        (warmup(100), [0.01, 0.51, 1.0, 1.0]),
        (warmup("50%", start=0.5), [0.5, 1.0, 1.0, 1.0]),
        (warmup(100, start=2), [2.0, 1.5, 1.0, 1.0]),
        (warmup(0), [1.0, 1.0, 1.0, 1.0]),
    ],
    ids=repr,
)
def test_the_factor_at_the_start_the_middle_the_end_and_beyond(
    schedule: Schedule, expected: list[float]
) -> None:
    at = schedule.over(Horizon.of(steps=100))
    assert [at(t) for t in (0, 50, 100, 130)] == pytest.approx(expected, rel=1e-15)


def test_a_floor_is_met_exactly() -> None:
    for end in (0.1, 0.01, 1e-9, 0.3):
        for schedule in (cosine(end=end), linear(end=end), polynomial(end=end), one_minus_sqrt(end=end)):
            at = schedule.over(THREE_HUNDRED)
            assert (at(0), at(300), at(301)) == (1.0, end, end)


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        (cosine, {"end": -0.1}, "cosine: end=-0.1 is negative"),
        (cosine, {"end": math.nan}, "cosine: end=nan is not finite"),
        (cosine, {"end": 10**400}, "cosine: end=.* is not finite"),
        (cosine, {"end": True}, "cosine: end=True is a bool"),
        (cosine, {"end": "0.1"}, "cosine: end='0.1' is a str"),
        (cosine, {"end": torch.tensor(0.1)}, "cosine: end=.*is a Tensor"),
        (cosine, {"end": None}, "cosine: end=None is a NoneType"),
        (cosine, {"length": 0.5}, 'cosine: length=0.5 is a bare float.*"50%" is that share'),
        (linear, {"start": math.inf}, "linear: start=inf is not finite"),
        (polynomial, {"power": 0}, "polynomial: power=0 is not above 0"),
        (step, {"every": 0}, "step: every=0 is 0"),
        (step, {"every": None}, "step: every=None is no length"),
        (step, {"every": 3, "factor": -1}, "step: factor=-1 is negative"),
        (exponential, {"factor": 0.9, "every": "0%"}, "exponential: every='0%' is 0"),
        (warmup, {"length": None}, "warmup: length=None is no length"),
        (warmup, {"length": -3}, "warmup: length=-3 is not between 0"),
        (warmup, {"length": 3, "start": -1}, "warmup: start=-1 is negative"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_when_written(
    shape: type[Shape], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScheduleError, match=message):
        shape(**settings)


@pytest.mark.parametrize(
    "shape",
    [
        constant(0.5),
        linear(),
        linear(start=0.2, end=1),
        cosine(),
        cosine(start=0, end=1),
        step(0.5, every=7),
        step(2, every=7),
        exponential(1.1),
        polynomial(power=2),
        one_minus_sqrt(),
        milestones(at=(3, 3, 20)),
        inverse_sqrt(7),
        warmup(9),
        warmup(9, start=2),
    ],
    ids=repr,
)
def test_a_monotone_shape_never_turns(shape: Shape) -> None:
    horizon = Horizon.of(steps=50)
    assert shape.turns(horizon, 50) == shape.turns(Horizon.of(), None) == ()
    factors = [shape.over(horizon)(tick) for tick in range(50)]
    assert factors in (sorted(factors), sorted(factors, reverse=True))


def test_what_a_user_gives_may_turn_anywhere() -> None:
    for shape in (function("wave", lambda u: u * (1 - u)), table([0, 1, 0])):
        assert shape.turns(Horizon.of(steps=5), 3) == range(4)
        assert shape.turns(Horizon.of(), None) is None
