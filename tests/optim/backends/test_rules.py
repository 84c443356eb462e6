"""Every rule in every backend against torch's own optimizers, and the backends against each other."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.optim.backends.steppers import (
    CASES,
    Stepper,
    assert_close,
    parameters,
    step_twin,
    torch_twin,
)

RATES = (0.0, 1e-6, 1e-3, 0.1)
STEPS = 300
SHAPES = ((), (1,), (0,), (7,), (3, 5), (33,))
HALVES = {"bfloat16": 2**-7, "float16": 2**-10}


@pytest.fixture(autouse=True)
def double_by_default() -> Iterator[None]:
    """Torch keeps NAdam's product of momenta in the default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def spread(settings: Any, count: int) -> list[dict[str, Any]]:
    """The same settings with other rates."""
    return [{**settings, "lr": RATES[place % len(RATES)]} for place in range(count)]


def drawn(shapes: Any, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [torch.randn(shape).to(dtype) for shape in shapes]


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("case", CASES)
def test_a_rule_is_torchs(case: str, backend: str) -> None:
    name, given_settings = CASES[case]
    shapes = [(), (2,), (3,), (1, 2)]
    params, settings = drawn(shapes), spread(given_settings, len(shapes))
    twin, ours = torch_twin(name, params, settings), Stepper(name, params, settings, backend)
    for _ in range(STEPS):
        grads = drawn(shapes)
        step_twin(twin, grads)
        ours.step(grads)
    assert_close(params, parameters(twin), 1e-9)
    for place, key in enumerate(ours.rule.states):
        theirs = [twin.state[param][key] for param in parameters(twin)]
        assert_close(ours.batch.states[place], theirs, 1e-9)
    for place, key in enumerate(ours.rule.scalars):
        products = [float(twin.state[param][key]) for param in parameters(twin)]
        column = ours.batch.hypers[:, place - len(ours.rule.scalars)]
        np.testing.assert_allclose(column, products, rtol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_float32_is_the_references_with_and_without_sums(case: str) -> None:
    name, given_settings = CASES[case]
    params, settings = drawn(SHAPES, torch.float32), spread(given_settings, len(SHAPES))
    ours = Stepper(name, params, settings, "cpu")
    twin = Stepper(name, [param.clone() for param in params], settings, "reference")
    found, wanted = ours.sum_up(), twin.sum_up()
    for _ in range(5):
        grads = drawn(SHAPES, torch.float32)
        ours.step(grads)
        twin.step(grads)
        np.testing.assert_allclose(found[:, :2], wanted[:, :2], rtol=1e-5, atol=1e-30)
        np.testing.assert_allclose(found[:, 2], wanted[:, 2], rtol=1e-2, atol=1e-12)
    assert_close(ours.batch.params, twin.batch.params, 1e-5)
    for mine, theirs in zip(ours.batch.states, twin.batch.states, strict=True):
        assert_close(mine, theirs, 1e-5)


def in_halves(case: str, dtype: str, state_dtype: torch.dtype) -> None:
    """A kernel of half-precision parameters rounds as the reference does, but for the last bit."""
    name, given_settings = CASES[case]
    half: torch.dtype = getattr(torch, dtype)
    params, settings = drawn(SHAPES, half), spread(given_settings, len(SHAPES))
    ours = Stepper(name, params, settings, "cpu", state_dtype=state_dtype)
    copies = [param.clone() for param in params]
    twin = Stepper(name, copies, settings, "reference", state_dtype=state_dtype)
    for _ in range(3):
        grads = drawn(SHAPES, half)
        ours.step(grads)
        twin.step(grads)
    assert_close(ours.batch.params, twin.batch.params, HALVES[dtype])
    loose = 1e-5 if state_dtype == torch.float32 else HALVES[dtype]
    for mine, theirs in zip(ours.batch.states, twin.batch.states, strict=True):
        assert_close(mine, theirs, loose)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_with_float32_state(dtype: str) -> None:
    in_halves("adamw", dtype, torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["float32", "half"])
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("case", CASES)
def test_half_precision_of_every_rule(case: str, dtype: str, state: str) -> None:
    in_halves(case, dtype, torch.float32 if state == "float32" else getattr(torch, dtype))


FRACTIONS = st.floats(0, 0.9999)
ADAM = st.fixed_dictionaries(
    {
        "lr": st.floats(0, 1),
        "betas": st.tuples(FRACTIONS, FRACTIONS),
        "eps": st.floats(1e-10, 1e-2),
        "weight_decay": st.floats(0, 1),
        "maximize": st.booleans(),
    }
)
DESCENT = st.fixed_dictionaries(
    {
        "lr": st.floats(0, 1),
        "momentum": st.floats(0.01, 1),
        "dampening": st.floats(0, 1),
        "weight_decay": st.floats(0, 1),
        "maximize": st.booleans(),
    }
)
UNKNOWN = {("lion", "eps"), ("lion", "maximize")}
DRAWN = (
    st.tuples(st.sampled_from(["adam", "adamw", "nadam", "radam", "lion"]), ADAM)
    | st.tuples(st.just("sgd"), DESCENT)
).map(lambda pair: (pair[0], {k: v for k, v in pair[1].items() if (pair[0], k) not in UNKNOWN}))


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@given(drawn_case=DRAWN)
def test_any_hyperparameters_are_torchs(backend: str, drawn_case: tuple[str, dict[str, Any]]) -> None:
    name, settings = drawn_case
    shapes = [(3,), ()]
    params, each = drawn(shapes), [settings, {**settings, "lr": settings["lr"] / 3}]
    twin, ours = torch_twin(name, params, each), Stepper(name, params, each, backend)
    for _ in range(8):
        grads = drawn(shapes)
        step_twin(twin, grads)
        ours.step(grads)
    assert_close(params, parameters(twin), 1e-7)
