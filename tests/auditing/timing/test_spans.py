"""How long schedules are, and how many ticks a training has for them."""

import pytest
from torch.optim import lr_scheduler as torchs

from paramgroups.auditing.objects import driver_of
from paramgroups.auditing.timing.spans import Span, active_parts, span, training_ticks, trainings
from paramgroups.schedules import Horizon
from tests.auditing.timing.schedules import Making, timms, train, transformers, two


def of_a_closure(optimizer: object) -> torchs.LambdaLR:
    total_steps = 700
    return torchs.LambdaLR(optimizer, lambda step: 1 - step / total_steps)  # type: ignore[arg-type]  # the tests'


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda o: torchs.CosineAnnealingLR(o, 100), Span("T_max=100", 100)),
        (lambda o: torchs.OneCycleLR(o, 1, epochs=10, steps_per_epoch=200), Span("total_steps=2,000", 2000)),
        (lambda o: torchs.PolynomialLR(o, 50), Span("total_iters=50", 50)),
        (lambda o: torchs.LinearLR(o, total_iters=50), None),
        (lambda o: torchs.ExponentialLR(o, 0.9), None),
        (
            lambda o: torchs.SequentialLR(o, [torchs.LinearLR(o), torchs.CosineAnnealingLR(o, 90)], [10]),
            Span("T_max=90", 100, None, 10),
        ),
        (lambda o: torchs.SequentialLR(o, [torchs.LinearLR(o), torchs.ExponentialLR(o, 0.9)], [10]), None),
        (
            lambda o: torchs.ChainedScheduler([torchs.LinearLR(o), torchs.CosineAnnealingLR(o, 90)]),
            Span("T_max=90", 90),
        ),
        (
            lambda o: transformers.get_linear_schedule_with_warmup(o, 10, 100),
            Span("num_training_steps=100", 100),
        ),
        (
            lambda o: transformers.get_wsd_schedule(o, 10, 20, num_stable_steps=70),
            Span("num_warmup_steps + num_stable_steps + num_decay_steps=100", 100),
        ),
        (of_a_closure, Span("total_steps=700", 700)),
        (lambda o: timms.CosineLRScheduler(o, 30), Span("t_initial=30", 30, "epoch")),
        (lambda o: timms.CosineLRScheduler(o, 30, t_in_epochs=False), Span("t_initial=30", 30, "step")),
    ],
)  # fmt: skip
def test_the_length_of_a_schedule(make: Making, told: Span | None) -> None:
    assert span(make(two()[1])) == told


def test_training_in_both_counts() -> None:
    assert trainings(Horizon.of()) == {}
    assert trainings(Horizon.of(steps=105)) == {"step": 105}
    assert trainings(Horizon.of(epochs=10)) == {"epoch": 10}
    assert trainings(Horizon.of(steps=105, steps_per_epoch=10)) == {"step": 105, "epoch": 11}


def test_the_ticks_that_training_has_for_a_scheduler() -> None:
    horizon = Horizon.of(epochs=10, steps_per_epoch=50)
    optimizer = two()[1]
    for length, ticks in ((500, 500), (10, 10), (77, 10)):
        driver = driver_of(torchs.CosineAnnealingLR(optimizer, length))
        assert driver is not None
        assert training_ticks(driver, horizon) == ticks
    by_step = driver_of({"scheduler": torchs.StepLR(optimizer, 30), "interval": "step"})
    assert by_step is not None
    assert training_ticks(by_step, horizon) == 500
    assert training_ticks(by_step, Horizon.of(epochs=10)) is None


def test_the_parts_that_are_active() -> None:
    model, optimizer = two()
    first, second = torchs.LinearLR(optimizer, total_iters=3), torchs.StepLR(optimizer, 30)
    scheduler = torchs.SequentialLR(optimizer, [first, second], [3])
    assert list(active_parts(scheduler)) == [first]
    train(model, optimizer, 3, scheduler.step)
    assert list(active_parts(scheduler)) == [second]
    assert list(active_parts(torchs.ChainedScheduler([first, second]))) == [first, second]
