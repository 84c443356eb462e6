"""What every backend does with a batch, whatever its rule."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from paramgroups.optim.backends import STATISTICS, computing_dtype
from tests.optim.backends.steppers import Stepper, assert_close, parameters, step_twin, torch_twin

HUGE = 300_001
BOTH = pytest.mark.parametrize("backend", ["reference", "cpu"])


def adamw(params: Sequence[Tensor], backend: str, cuts: Sequence[Sequence[int]] | None = None) -> Stepper:
    return Stepper("adamw", params, [{"lr": 0.01}] * len(params), backend, cuts=cuts)


@BOTH
def test_a_large_tensor_beside_small_ones(backend: str) -> None:
    params = [torch.randn(HUGE), torch.randn(()), torch.randn(65_536), torch.randn(0)]
    ours, twin = adamw(params, backend), torch_twin("adamw", params, [{"lr": 0.01}] * 4)
    for _ in range(3):
        grads = [torch.randn_like(param) for param in params]
        ours.step(grads)
        step_twin(twin, grads)
    assert_close(params, parameters(twin), 1e-6)


@BOTH
def test_rows_of_one_tensor_have_rates_of_their_own(backend: str) -> None:
    """Rows 0 to 2 and 4 to 8 are segments; row 3 is none, and is not written."""
    table, whole = torch.randn(8, 5), torch.randn(3)
    before, grads = table.clone(), [torch.ones(8, 5), torch.ones(3)]
    ours = Stepper("sgd", [table, whole], [{"lr": 1.0}, {"lr": 0.25}], backend, cuts=[[15, 20], [3]])
    ours.batch.starts[1] = 20
    ours.batch.hypers[1, 0] = 0.5
    ours.step(grads)
    fell = before - table
    torch.testing.assert_close(fell[:, 0], torch.tensor([1.0, 1, 1, 0, 0.5, 0.5, 0.5, 0.5]))
    assert torch.equal(table[3], before[3])


@BOTH
def test_scales_multiply_the_gradients_and_leave_them(backend: str) -> None:
    params = [torch.zeros(3), torch.zeros(3)]
    ours = Stepper("sgd", params, [{"lr": 1.0}] * 2, backend)
    ours.batch.scales = np.array([0.5, 2.0])
    grads = [torch.ones(3), torch.ones(3)]
    ours.batch.statistics = True
    statistics = ours.step(grads)
    assert params[0].tolist() == [-0.5] * 3
    assert params[1].tolist() == [-2.0] * 3
    assert grads[0].tolist() == [1.0] * 3
    np.testing.assert_array_equal(statistics[:, 0], [3.0, 3.0])


@BOTH
def test_statistics_are_torchs_norms(backend: str) -> None:
    params = [torch.randn(HUGE), torch.randn(7), torch.randn(0), torch.randn(40, 5)]
    before = [param.double() for param in params]
    ours = adamw(params, backend, cuts=[[HUGE], [7], [0], [50, 150]])
    ours.batch.statistics = True
    grads = [torch.randn_like(param) for param in params]
    statistics = ours.step(grads)
    moved = [one.double() - other for one, other in zip(params, before, strict=True)]

    def squares(of: Sequence[Tensor]) -> list[float]:
        last = of[3].double().flatten()
        parts = [of[0], of[1], of[2], last[:50], last[50:]]
        return [float(part.double().square().sum()) for part in parts]

    for column, tensors in enumerate((grads, before, moved)):
        np.testing.assert_allclose(statistics[:, column], squares(tensors), rtol=1e-6)
    np.testing.assert_array_equal(statistics[:, 3], 0)


@BOTH
def test_what_is_not_finite_is_counted_where_it_is(backend: str) -> None:
    params = [torch.zeros(40_000), torch.zeros(9), torch.zeros(9)]
    grads = [torch.ones(40_000), torch.ones(9), torch.full((9,), 1e30)]
    grads[0][[0, 7, 39_999]] = torch.tensor([math.nan, math.inf, -math.inf])
    ours = Stepper("sgd", params, [{"lr": 0.0}] * 3, backend)
    ours.batch.statistics = True
    statistics = ours.step(grads)
    np.testing.assert_array_equal(statistics[:, 3], [3, 0, 0])
    assert statistics[2, 0] == pytest.approx(9e60)


@BOTH
def test_float64_squares_that_overflow_are_finite_gradients(backend: str) -> None:
    ours = Stepper("sgd", [torch.zeros(4, dtype=torch.float64)], [{"lr": 0.0}], backend)
    ours.batch.statistics = True
    statistics = ours.step([torch.full((4,), 1e200, dtype=torch.float64)])
    assert statistics[0, 0] == math.inf
    assert statistics[0, 3] == 0


@BOTH
def test_statistics_change_no_number(backend: str) -> None:
    params = [torch.randn(1003), torch.randn(70_000)]
    plain = adamw([param.clone() for param in params], backend)
    told = adamw([param.clone() for param in params], backend)
    told.batch.statistics = True
    for _ in range(3):
        grads = [torch.randn_like(param) for param in params]
        plain.step(grads)
        told.step(grads)
    for one, other in zip(plain.batch.params, told.batch.params, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


@BOTH
def test_nothing_to_step(backend: str) -> None:
    for sizes, cuts in (([0], [[]]), ([0], [[0]]), ([0, 3], [[0], []])):
        params = [torch.zeros(size) for size in sizes]
        empty = adamw(params, backend, cuts)
        empty.batch.statistics = True
        statistics = empty.step([torch.ones(size) for size in sizes])
        assert statistics.shape == (sum(map(len, cuts)), STATISTICS)
        assert not statistics.any()
        assert not any(param.any() for param in params)


@BOTH
def test_segments_without_chunks_are_left_alone(backend: str) -> None:
    """Their tensors need no gradient, and their sums are 0."""
    params = [torch.ones(40_000), torch.ones(3), torch.ones(40_000)]
    ours = adamw(params, backend)
    ours.batch.chunks, ours.batch.statistics = ours.batch.chunks[ours.batch.chunks[:, 0] == 2], True
    grads = [None, None, torch.ones(40_000)]
    for sums in (ours.measure(grads), ours.rehearse(grads), ours.step(grads)):
        assert not sums[:2].any()
        assert sums[2, 0] == pytest.approx(40_000)
    assert params[0].unique().tolist() == params[1].unique().tolist() == [1.0]
    assert not ours.batch.states[0][0].any()
    assert params[2].max() < 1.0


@BOTH
def test_parameters_that_want_gradients_and_gradients_of_another_dtype(backend: str) -> None:
    param = torch.nn.Parameter(torch.ones(5))
    ours = Stepper("sgd", [param], [{"lr": 1.0}], backend)
    ours.step([torch.full((5,), 0.5, dtype=torch.bfloat16)])
    assert param.tolist() == [0.5] * 5
    assert param.requires_grad


def test_computing_is_in_float32_but_for_float64() -> None:
    half, single, double = torch.bfloat16, torch.float32, torch.float64
    assert computing_dtype((half, half, single)) == single
    assert computing_dtype((half, half, half)) == single
    assert computing_dtype((double, single)) == double
