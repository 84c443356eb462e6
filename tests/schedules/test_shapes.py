"""The formulas, against torch's and transformers' schedulers and by hand."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as theirs
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from paramgroups.errors import ScheduleError
from paramgroups.schedules import (
    Horizon,
    Schedule,
    Shape,
    constant,
    cosine,
    exponential,
    function,
    linear,
    polynomial,
    step,
    table,
    warmup,
)

STEPS = 300
BASE = 0.5
THREE_HUNDRED = Horizon.of(steps=STEPS)


def driven(make: Callable[[torch.optim.Optimizer], Any], steps: int) -> Iterable[float]:
    """The rate of each of torch's steps, by stepping there."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)
    scheduler = make(optimizer)
    for _ in range(steps):
        yield optimizer.param_groups[0]["lr"]
        optimizer.step()
        scheduler.step()


TORCH = [
    (step(0.3, every=30), lambda o: theirs.StepLR(o, 30, gamma=0.3)),
    (step(every=299), lambda o: theirs.StepLR(o, 299)),
    (exponential(0.99), lambda o: theirs.ExponentialLR(o, 0.99)),
    (exponential(1.01), lambda o: theirs.ExponentialLR(o, 1.01)),
    (cosine(), lambda o: theirs.CosineAnnealingLR(o, T_max=STEPS)),
    (cosine(end=0.1), lambda o: theirs.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.1 * BASE)),
    (linear(start=0.2, end=0.9), lambda o: theirs.LinearLR(o, 0.2, 0.9, total_iters=STEPS)),
    (linear(start=1 / 3, end=1, length=50), lambda o: theirs.LinearLR(o, 1 / 3, 1.0, total_iters=50)),
    (polynomial(power=2), lambda o: theirs.PolynomialLR(o, total_iters=STEPS, power=2)),
    (polynomial(power=0.5), lambda o: theirs.PolynomialLR(o, total_iters=STEPS, power=0.5)),
    (polynomial(length=100), lambda o: theirs.PolynomialLR(o, total_iters=100)),
    (constant(0.25, length=40).then(constant()), lambda o: theirs.ConstantLR(o, 0.25, total_iters=40)),
    (constant(), lambda o: theirs.ConstantLR(o, 1.0, total_iters=40)),
    (
        function("root", lambda u: 1 / math.sqrt(1 + STEPS * u)),
        lambda o: theirs.LambdaLR(o, lambda t: 1 / math.sqrt(1 + t)),
    ),
    (warmup(30), lambda o: theirs.LambdaLR(o, lambda t: min((t + 1) / 30, 1.0))),
    (
        linear(start=0.1, end=1.0, length=20).then(cosine()),
        lambda o: theirs.SequentialLR(
            o,
            [theirs.LinearLR(o, 0.1, total_iters=20), theirs.CosineAnnealingLR(o, T_max=STEPS - 20)],
            milestones=[20],
        ),
    ),
    (warmup(40, start=0.0).then(linear()), lambda o: get_linear_schedule_with_warmup(o, 40, STEPS)),
    (warmup(40, start=0.0).then(cosine()), lambda o: get_cosine_schedule_with_warmup(o, 40, STEPS)),
]


@pytest.mark.parametrize(("ours", "make"), TORCH, ids=[repr(ours) for ours, _ in TORCH])
# SequentialLR steps its parts with the epoch argument that torch itself has deprecated.
@pytest.mark.filterwarnings("ignore:The epoch parameter in:UserWarning")
def test_the_factor_is_theirs(ours: Schedule, make: Callable[[torch.optim.Optimizer], Any]) -> None:
    at = ours.over(THREE_HUNDRED)
    assert [BASE * at(t) for t in range(STEPS)] == pytest.approx(
        list(driven(make, STEPS)), rel=1e-12, abs=1e-12
    )


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (constant(0.3), [0.3, 0.3, 0.3, 0.3]),
        (linear(), [1.0, 0.5, 0.0, 0.0]),
        (linear(start=0.0, end=1.0), [0.0, 0.5, 1.0, 1.0]),
        (linear(end=0.1), [1.0, 0.55, 0.1, 0.1]),
        (cosine(end=0.2), [1.0, 0.6, 0.2, 0.2]),
        (polynomial(power=2, end=0.2), [1.0, 0.4, 0.2, 0.2]),
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
        for schedule in (cosine(end=end), linear(end=end), polynomial(end=end)):
            at = schedule.over(THREE_HUNDRED)
            assert (at(0), at(STEPS), at(STEPS + 1)) == (1.0, end, end)


def test_a_period_may_be_an_epoch() -> None:
    at = step(0.5, every="2 epochs").over(Horizon.of(epochs=6, steps_per_epoch=10))
    assert (at(19), at(20), at(40)) == (1.0, 0.5, 0.25)


def test_a_period_below_a_tick_is_refused() -> None:
    for schedule in (step(every="1%"), exponential(0.5, every="1%")):
        with pytest.raises(ScheduleError, match=r"every='1%' is less than a tick of 10 steps. Write every=1"):
            schedule.over(Horizon.of(steps=10))


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
    [constant(0.5), linear(), cosine(), step(0.5, every=7), exponential(1.1), polynomial(power=2), warmup(9)],
)
def test_a_monotone_shape_never_turns(shape: Shape) -> None:
    assert shape.monotone
    factors = [shape.over(Horizon.of(steps=50))(tick) for tick in range(50)]
    assert factors in (sorted(factors), sorted(factors, reverse=True))


def test_what_a_user_gives_may_turn() -> None:
    assert not function("wave", lambda u: u * (1 - u)).monotone
    assert not table([0, 1, 0]).monotone
