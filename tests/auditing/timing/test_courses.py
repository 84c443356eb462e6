"""Rates out of their domain, and rates of 0 before the end."""

import math
from typing import Any

import pytest
from torch.optim import Adam
from torch.optim import lr_scheduler as torchs

from paramgroups.auditing.timing.courses import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of
from tests.auditing.timing.schedules import Making, train, two


def look(make: Making, **horizon: int) -> list[Finding]:
    model, optimizer = two(kind=Adam)
    return found(CHECKS, subject_of(model, optimizer, make(optimizer), **horizon))


def factors(*functions: Any) -> Making:
    return lambda o: torchs.LambdaLR(o, list(functions) * (2 // len(functions)))


@pytest.mark.parametrize(
    ("make", "horizon", "words"),
    [
        (factors(lambda t: 1 - t / 50), {"epochs": 80}, "-2e-07 at tick 51, where group 0 was given 1e-05"),
        (factors(lambda t: (1 - t / 50) ** 0.9), {"epochs": 80}, "no finite number at tick 51"),
        (factors(lambda t: 1 - t / 5_000), {"steps": 10_000}, "at tick 5,005, where"),
        (factors(lambda t: -1.0 if t == 5 else 1.0), {}, "-1e-05 at tick 5"),
        (factors(lambda t: math.nan if t == 5 else 1.0), {}, "no finite number at tick 5"),
        (lambda o: torchs.ExponentialLR(o, 1.05), {}, "at tick 48, where group 0 was given"),
    ],
    ids=["line", "root", "long", "negative", "nan", "growth"],
)
def test_a_rate_out_of_its_domain(make: Making, horizon: dict[str, int], words: str) -> None:
    findings = look(make, **horizon)
    assert codes(findings) == ["PG153"]
    assert words in findings[0].message
    assert len(findings[0].names) == 6


@pytest.mark.parametrize(
    ("make", "horizon"),
    [
        (factors(lambda t: 1 - t / 50), {}),
        (factors(lambda t: 1 - t / 50), {"epochs": 50}),
        (factors(lambda t: 1 - t / 50), {"epochs": 50, "steps_per_epoch": 100}),
        (factors(lambda t: (1 - t / 50) ** 0.9), {}),
        (lambda o: torchs.CyclicLR(o, 1e-6, 1e-3, step_size_up=20, cycle_momentum=False), {}),
        (lambda o: torchs.OneCycleLR(o, 1e-2, total_steps=50), {}),
        (lambda o: torchs.CosineAnnealingLR(o, 50, eta_min=1.0), {}),
    ],
    ids=["line", "line that ends", "line of epochs", "root", "cycles", "one cycle", "a floor is told as one"],
)
def test_what_is_asked_for_or_past_the_end_is_in_its_domain(make: Making, horizon: dict[str, int]) -> None:
    assert not look(make, **horizon)


def test_a_rate_of_0_has_no_multiples() -> None:
    model = small()
    optimizer = Adam(model.parameters(), lr=0.0)
    assert not found(CHECKS, subject_of(model, optimizer, torchs.LambdaLR(optimizer, lambda t: t + 1.0)))


@pytest.mark.parametrize(
    ("make", "horizon", "tick"),
    [
        (factors(lambda t: max(0.0, 1 - t / 500)), {"steps": 1000}, "500"),
        (factors(lambda t: max(0.0, 1 - t / 50_000)), {"steps": 100_000}, "50,0"),
        (lambda o: torchs.PolynomialLR(o, 50), {"steps": 200}, "50"),
    ],
    ids=["lambda", "long", "polynomial"],
)
def test_a_rate_that_stands_at_0(make: Making, horizon: dict[str, int], tick: str) -> None:
    findings = look(make, **horizon)
    assert codes(findings) == ["PG154"]
    assert f"is 0 from tick {tick}" in findings[0].message


@pytest.mark.parametrize(
    ("make", "horizon"),
    [
        (factors(lambda t: max(0.0, 1 - t / 500)), {}),
        (factors(lambda t: max(0.0, 1 - t / 490)), {"steps": 500}),
        (factors(lambda t: float(t >= 400)), {"steps": 500}),
        (factors(lambda _: 0.0, lambda _: 1.0), {"steps": 500}),
        (lambda o: torchs.CosineAnnealingWarmRestarts(o, 10), {"steps": 500}),
    ],
    ids=["no horizon", "the last fiftieth", "a thaw", "never above 0", "restarts"],
)
def test_zeros_that_are_meant(make: Making, horizon: dict[str, int]) -> None:
    assert not look(make, **horizon)


def test_what_cannot_be_simulated_is_told() -> None:
    calls: list[int] = []

    def counted(epoch: int) -> float:
        calls.append(epoch)
        return 1.0

    findings = look(factors(counted))
    assert codes(findings) == ["PG191"]
    assert "LambdaLR was not stepped ahead: its function" in findings[0].message


def test_a_plateau_is_passed_over_without_a_word() -> None:
    model, optimizer = two()
    scheduler = torchs.ReduceLROnPlateau(optimizer)
    train(model, optimizer, 2, lambda: scheduler.step(1.0))
    assert not found(CHECKS, subject_of(model, optimizer, scheduler, steps=100))
