"""Update rules as plain functions: their names, their defaults, and numbers that a reader can check."""

import math
from itertools import pairwise
from types import CodeType
from typing import Any

import numpy as np
import pytest
import torch

from paramgroups.optim.algorithms import ALGORITHMS, Algorithm, adam, lion, rmsprop, sgd
from paramgroups.optim.algorithms.words import maximum, sign, where
from paramgroups.optim.classes import torch_optimizers
from paramgroups.optim.hyperparameters import SWITCHES, unpack
from tests.optim.backends.steppers import CASES
from tests.optim.backends.twins import TWINS

RULES: dict[str, Algorithm] = {}
for family, settings in CASES.values():
    found = ALGORITHMS[family].of({**ALGORITHMS[family].defaults, **settings})
    RULES[found.name] = found


def arguments(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount]


def test_every_rule_has_its_own_name() -> None:
    assert sorted(RULES) == [
        "adagrad", "adam", "adam_amsgrad", "lamb", "lars", "lion", "nadam", "radam", "rmsprop",
        "rmsprop_centered", "rmsprop_centered_momentum", "rmsprop_momentum", "sgd", "sgd_momentum",
    ]  # fmt: skip


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_the_columns_are_the_arguments(rule: Algorithm) -> None:
    assert arguments(rule.prepare.__code__) == ("step", *rule.hypers)
    assert rule.hypers[len(rule.hypers) - len(rule.scalars) :] == rule.scalars
    if rule.advance is not None:
        assert arguments(rule.advance.__code__) == ("step", *rule.hypers)
    assert ("trust" in rule.hypers) == (rule.trust is not None)
    assert "trust" not in rule.hypers[:-1]


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if rule.advance], ids=lambda rule: rule.name
)
def test_scalars_advance_a_column_at_a_time(rule: Algorithm) -> None:
    rows = np.linspace(0.1, 0.9, 3 * len(rule.hypers)).reshape(3, -1)
    steps = np.array([1.0, 2.0, 9.0])
    assert rule.advance is not None
    columns = np.stack(rule.advance(steps, *rows.T), axis=1)
    apart = [rule.advance(float(step), *row.tolist()) for step, row in zip(steps, rows, strict=True)]
    np.testing.assert_allclose(columns, apart, rtol=1e-15)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_an_update_takes_the_states_and_the_constants(rule: Algorithm) -> None:
    given = arguments(rule.update.__code__)
    constants = rule.prepare(1.0, *[0.5] * len(rule.hypers))
    assert given[:2] == ("p", "g")
    assert len(given) == 2 + len(rule.states) + len(constants)
    assert all(type(constant) is float for constant in constants)
    results = rule.update(*[0.5] * (2 + len(rule.states)), *constants)
    assert len(results) == 1 + len(rule.states)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_an_update_computes_in_the_type_of_its_arguments(rule: Algorithm) -> None:
    """A number written in it would be float64, and make all others so."""
    written = [constant for constant in rule.update.__code__.co_consts if not isinstance(constant, str)]
    assert written in ([], [None])


@pytest.mark.parametrize("name", sorted(set(ALGORITHMS) - set(TWINS)))
def test_the_defaults_are_torchs(name: str) -> None:
    cls: Any = torch_optimizers()[name]
    theirs = cls([torch.nn.Parameter(torch.zeros(1))]).defaults
    assert ALGORITHMS[name].defaults == {key: value for key, value in theirs.items() if key not in SWITCHES}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_rule_reads_settings_that_its_group_has(name: str) -> None:
    family = ALGORITHMS[name]
    rule = family.of(family.defaults)
    assert set(rule.hypers) - set(rule.scalars) - {"trust"} <= set(unpack(family.defaults))
    assert "trust" not in family.defaults
    assert set(family.starts) <= set(rule.states)
    assert set(family.starts.values()) <= set(family.defaults)


def test_settings_choose_the_rule() -> None:
    assert adam.ADAM.of({"amsgrad": True}) is adam.AMSGRAD
    assert adam.ADAMW.of({"amsgrad": False}) is adam.PLAIN
    assert sgd.SGD.of({"momentum": 0}) is sgd.PLAIN
    assert sgd.SGD.of({"momentum": 0.5}) is sgd.MOMENTUM
    assert rmsprop.RMSPROP.of({"centered": True, "momentum": 0.1}).states == (
        "square_avg", "momentum_buffer", "grad_avg",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("momentum", "dampening"), [(0, 0), (0.9, 0.1), (0, 0.5)], ids=["no momentum", "dampened", "both"]
)
def test_nesterov_needs_a_momentum_that_is_not_dampened(momentum: float, dampening: float) -> None:
    """Torch refuses the same."""
    settings = {**sgd.SGD.defaults, "momentum": momentum, "dampening": dampening}
    assert sgd.SGD.check(settings) is None
    found = sgd.SGD.check({**settings, "nesterov": True})
    assert found == (
        "nesterov=True needs momentum above 0 and dampening 0, "
        f"and finds momentum={momentum}, dampening={dampening}."
    )
    with pytest.raises(ValueError, match="Nesterov"):
        torch.optim.SGD([torch.zeros(1)], nesterov=True, momentum=momentum, dampening=dampening)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_defaults_go_together(name: str) -> None:
    assert ALGORITHMS[name].check(ALGORITHMS[name].defaults) is None
    assert sgd.SGD.check({**sgd.SGD.defaults, "nesterov": True, "momentum": 0.9}) is None


def test_the_first_step_of_adamw() -> None:
    """m̂ = g and v̂ = g², so the weight falls by lr, and by lr · decay of itself."""
    constants = adam.prepare(1.0, 0.1, 0.9, 0.999, 0.0, 0.5, 0.0, 1.0)
    weight, moment, square = adam.update(2.0, 4.0, 0.0, 0.0, *constants)
    assert weight == pytest.approx(2.0 - 0.1 * 0.5 * 2.0 - 0.1)
    assert moment == pytest.approx(0.4)
    assert square == pytest.approx(0.016)


def test_the_first_steps_of_momentum() -> None:
    """1, then 0.9 · 1 + (1 − 0.5) · 1: the first gradient is not dampened."""
    row: tuple[Any, ...] = (0.1, 0.9, 0.5, 0.0, 0.0, 0.0)
    weight, buffer = sgd.update_momentum(1.0, 1.0, 0.0, *sgd.prepare_momentum(1.0, *row))
    assert [weight, buffer] == pytest.approx([0.9, 1.0])
    weight, buffer = sgd.update_momentum(weight, 1.0, buffer, *sgd.prepare_momentum(2.0, *row))
    assert [weight, buffer] == pytest.approx([0.76, 1.4])


def test_lion_moves_by_its_rate_or_not_at_all() -> None:
    constants = lion.prepare(1.0, 0.1, 0.9, 0.99, 0.0, 0.0)
    moved = [lion.update(1.0, gradient, 0.0, *constants)[0] for gradient in (3.0, -1e-9, 0.0)]
    assert moved == [0.9, 1.1, 1.0]


def test_centered_rmsprop_survives_rounding() -> None:
    """v − a² is a little below 0 here: a root of that is no number."""
    constants = rmsprop.prepare(1.0, 0.1, 1.0, 1e-8, 0.0, 0.0, 0.0)
    weight, *_ = rmsprop.update_centered(1.0, 0.0, 1.0, 1.0 + 1e-12, *constants)
    assert weight == 1.0


def test_words() -> None:
    assert [sign(number) for number in (2.0, -2.0, 0.0, math.nan)] == [1.0, -1.0, 0.0, 0.0]
    assert maximum(1.0, 2.0) == maximum(2.0, 1.0) == 2.0
    assert math.isnan(maximum(math.nan, 1.0))
    assert math.isnan(maximum(1.0, math.nan))
    assert (where(True, 1.0, 2.0), where(False, 1.0, 2.0)) == (1.0, 2.0)


def test_adagrads_rate_falls() -> None:
    rule = RULES["adagrad"]
    rates = [rule.prepare(step, 1.0, 0.5, 0.0, 0.0, 0.0)[2] for step in (1.0, 2.0, 3.0)]
    assert rates == [1.0, pytest.approx(1 / 1.5), 0.5]
    assert all(one > other for one, other in pairwise(rates))
