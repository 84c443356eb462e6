"""Sums: of gradients alone, of a rehearsal, and where float32 has no room for squares."""

import math
from itertools import chain

import numpy as np
import pytest
import torch
from torch import Tensor

from paramgroups.optim.backends.kernels import BLOCK
from tests.optim.backends.steppers import Stepper

BOTH = pytest.mark.parametrize("backend", ["reference", "cpu"])
DTYPES = {"float64": 1e-12, "float32": 1e-6, "bfloat16": 1e-6, "float16": 1e-6}
COUNTS = (1, BLOCK - 1, BLOCK + 1, 70_000, 0, 5)


def of(count: int, dtype: str, backend: str, name: str = "sgd") -> Stepper:
    return Stepper(name, [torch.ones(count, dtype=getattr(torch, dtype))], [{"lr": 1.0}], backend)


@BOTH
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_are_measured_alone(dtype: str, backend: str) -> None:
    kind: torch.dtype = getattr(torch, dtype)
    params = [torch.ones(count, dtype=kind) for count in COUNTS]
    grads = [torch.randn(count).to(kind) for count in COUNTS]
    found = Stepper("adamw", params, [{}] * len(params), backend).measure(grads)
    squares = [float(grad.double().square().sum()) for grad in grads]
    np.testing.assert_allclose(found[:, 0], squares, rtol=DTYPES[dtype])
    assert not found[:, 1:].any()
    assert all(bool((param == 1).all()) for param in params)


@BOTH
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_finite_is_counted_in_each_segment(dtype: str, backend: str) -> None:
    params = [torch.ones(count).to(getattr(torch, dtype)) for count in (3 * BLOCK, 3)]
    grads = [torch.ones_like(param) for param in params]
    grads[0][[0, BLOCK, BLOCK + 1, -1]] = torch.tensor([math.nan, math.inf, -math.inf, math.nan]).to(grads[0])
    ours = Stepper("sgd", params, [{}] * 2, backend, cuts=[[BLOCK, 2 * BLOCK], [3]])
    ours.batch.statistics = True
    for sums in (ours.measure(grads), ours.rehearse(grads), ours.step(grads)):
        np.testing.assert_array_equal(sums[:, 3], [1, 3, 0])
        assert not np.isfinite(sums[:2, 0]).any()
        assert sums[2, 0] == 3


def sums_of(grad: Tensor, dtype: str, backend: str) -> list[tuple[float, float]]:
    """Σg² and the count, as a measure, a rehearsal and a step tell them."""
    given, ours = [grad.to(getattr(torch, dtype))], of(len(grad), dtype, backend)
    ours.batch.statistics = True
    found = (ours.measure(given), ours.rehearse(given), ours.step(given))
    return [(float(sums[0, 0]), float(sums[0, 3])) for sums in found]


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("size", [2.0**100, 2.0**60, 2.0**-100, 2.0**-70])
def test_squares_that_float32_cannot_hold(size: float, dtype: str, backend: str) -> None:
    """The first block's squares are out of float32's range, the second's sum to 1,000."""
    grad = torch.cat([torch.full((BLOCK,), size), torch.ones(1000)])
    for squares, strange in sums_of(grad, dtype, backend):
        assert squares == BLOCK * size**2 + 1000
        assert strange == 0


@BOTH
def test_a_sum_of_tiny_squares_alone(backend: str) -> None:
    for squares, _ in sums_of(torch.full((BLOCK,), 2.0**-100), "float32", backend):
        assert squares == BLOCK * 2.0**-200


@BOTH
def test_float64_squares_that_overflow(backend: str) -> None:
    for sums in sums_of(torch.full((5,), 1e200, dtype=torch.float64), "float64", backend):
        assert sums == (math.inf, 0)


@BOTH
@pytest.mark.parametrize("name", ["adamw", "lamb", "sgd"])
def test_a_rehearsal_writes_nothing_and_sums_as_the_step_does(name: str, backend: str) -> None:
    params = [torch.randn(70_001), torch.randn(3)]
    ours = Stepper(name, params, [{"lr": 0.1}, {"lr": 0.0}], backend, cuts=[[1000, 69_001], [3]])
    ours.batch.statistics = True
    grads = [torch.randn_like(param) for param in params]
    ours.step(grads)
    everything = [*ours.batch.params, *chain.from_iterable(ours.batch.states), *grads]
    before = [tensor.clone() for tensor in everything]
    rehearsed = ours.rehearse(grads)
    assert all(map(torch.equal, everything, before))
    if ours.rule.trust is None:
        np.testing.assert_allclose(ours.step(grads), rehearsed, rtol=1e-6)
    assert rehearsed[2, 2] == 0
    assert (rehearsed[:2, :3] > 0).all()


@BOTH
def test_a_rehearsal_needs_no_statistics(backend: str) -> None:
    ours = of(3, "float32", backend)
    assert ours.rehearse([torch.ones(3)]).tolist() == [[3.0, 3.0, 3.0, 0.0]]
    assert ours.backend.step(ours.given([torch.ones(3)])) is None
