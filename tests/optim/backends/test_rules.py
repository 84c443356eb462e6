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
WITHIN = {"float64": 1e-9, "float32": 1e-5, "bfloat16": 2**-7, "float16": 2**-10}
MIXTURES = (
    ("float64", "float64"),
    ("float32", "float32"),
    ("bfloat16", "float32"),
    ("bfloat16", "bfloat16"),
    ("float16", "float32"),
    ("float16", "float16"),
)
"""Of parameters and their states."""


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


def assert_sums(found: Any, wanted: Any, within: float) -> None:
    """Updates are what two roundings leave of a difference."""
    np.testing.assert_allclose(found[:, :2], wanted[:, :2], rtol=2 * within, atol=1e-30)
    np.testing.assert_allclose(found[:, 2], wanted[:, 2], rtol=1e-2 + 2 * within, atol=1e-12)
    np.testing.assert_array_equal(found[:, 3], wanted[:, 3])


def assert_same(ours: Stepper, twin: Stepper, within: float, within_states: float) -> None:
    assert_close(ours.batch.params, twin.batch.params, within)
    for mine, theirs in zip(ours.batch.states, twin.batch.states, strict=True):
        assert_close(mine, theirs, within_states)


@pytest.mark.parametrize("case", CASES)
def test_float32_with_sums_is_the_references(case: str) -> None:
    name, given_settings = CASES[case]
    params, settings = drawn(SHAPES, torch.float32), spread(given_settings, len(SHAPES))
    ours = Stepper(name, params, settings, "cpu")
    twin = Stepper(name, [param.clone() for param in params], settings, "reference")
    ours.batch.statistics = twin.batch.statistics = True
    for _ in range(5):
        grads = drawn(SHAPES, torch.float32)
        assert_sums(ours.step(grads), twin.step(grads), WITHIN["float32"])
    assert_same(ours, twin, WITHIN["float32"], WITHIN["float32"])


def agree(case: str, dtype: str, state: str) -> None:
    """Plain, with sums and rehearsed, compiled and by the reference: the same but for the last bit."""
    name, given_settings = CASES[case]
    kind, params = getattr(torch, state), drawn(SHAPES, getattr(torch, dtype))
    settings = spread(given_settings, len(SHAPES))
    plain, told, twin = (
        Stepper(name, [param.clone() for param in params], settings, backend, state_dtype=kind)
        for backend in ("cpu", "cpu", "reference")
    )
    told.batch.statistics = twin.batch.statistics = True
    for _ in range(3):
        grads = drawn(SHAPES, getattr(torch, dtype))
        assert_sums(told.rehearse(grads), twin.rehearse(grads), WITHIN[dtype])
        assert_sums(told.step(grads), twin.step(grads), WITHIN[dtype])
        plain.step(grads)
    for ours in (plain, told):
        assert_same(ours, twin, WITHIN[dtype], WITHIN[state])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("case", ["adamw", "lamb"])
def test_all_forms_agree(case: str, dtype: str) -> None:
    agree(case, dtype, "float32")


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "state"), MIXTURES, ids=map("+".join, MIXTURES))
@pytest.mark.parametrize("case", CASES)
def test_all_forms_of_every_rule_agree(case: str, dtype: str, state: str) -> None:
    agree(case, dtype, state)


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
