"""LAMB and LARS: ratios that a reader can check, and steps of one number."""

import math

import pytest

from paramgroups.optim.algorithms import lamb, lars

LARS_ROW = (1.0, 0.9, 0.5, 0.01, 0.0, 0.0, 1.0)
"""lr, momentum, weight_decay, trust_coefficient, eps, maximize, trust."""


def test_lamb_trusts_a_tensor_as_far_as_it_is_long() -> None:
    """‖w‖ = 6, ‖u‖ = 3."""
    assert lamb.trust(1.0, 36.0, 9.0) == 2.0


def test_lars_divides_by_the_gradient_and_its_decay() -> None:
    """0.01 · 6 / (3 + 0.5 · 6)."""
    assert lars.trust(9.0, 36.0, 1.0, *LARS_ROW) == pytest.approx(0.01)


@pytest.mark.parametrize("none", [0.0, math.nan], ids=["zero", "nan"])
def test_a_tensor_without_length_is_trusted(none: float) -> None:
    assert lamb.trust(1.0, none, 1.0) == lamb.trust(1.0, 1.0, none) == 1.0
    assert lars.trust(none, 1.0, 1.0, *LARS_ROW) == lars.trust(1.0, none, 1.0, *LARS_ROW) == 1.0


def test_norms_that_are_far_apart() -> None:
    assert lamb.trust(1.0, 1e300, 1e-300) == pytest.approx(1e300)
    assert lamb.trust(1.0, 1.0, math.inf) == 0.0
    assert lars.trust(math.inf, 1.0, 1.0, *LARS_ROW) == 0.0


def test_the_first_step_of_lamb() -> None:
    """m̂ = g and v̂ = g², so the direction is 1 and a decay of 0.5 · 2; a trust of 2 doubles both."""
    for trust, wanted in ((1.0, 2.0 - 0.1 * 2.0), (2.0, 2.0 - 0.2 * 2.0)):
        constants = lamb.prepare(1.0, 0.1, 0.9, 0.999, 0.0, 0.5, 0.0, trust)
        weight, moment, square = lamb.update(2.0, 4.0, 0.0, 0.0, *constants)
        assert weight == pytest.approx(wanted)
        assert [moment, square] == pytest.approx([0.4, 0.016])


def test_trust_enters_the_momentum_of_lars() -> None:
    """b = 0.1 · (4 + 0.5 · 2), then 0.9 b + 0.1 · (4 + 0.5 · 1.5)."""
    constants = lars.prepare(1.0, *LARS_ROW[:-1], 0.1)
    weight, buffer = lars.update(2.0, 4.0, 0.0, *constants)
    assert [weight, buffer] == pytest.approx([1.5, 0.5])
    weight, buffer = lars.update(weight, 4.0, buffer, *constants)
    assert [weight, buffer] == pytest.approx([1.5 - 0.925, 0.925])
