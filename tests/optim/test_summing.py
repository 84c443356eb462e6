"""The sums of a step that another class makes."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paramgroups.optim.summing import BLOCK, Before, gradient_sums


def test_sums_are_of_gradient_weight_update_and_what_is_not_finite() -> None:
    torch.manual_seed(0)
    params = [nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(5))]
    params[0].grad = torch.randn(3, 4)
    before, weights = Before.of(params), [param.detach().double().clone() for param in params]
    torch.optim.SGD(params, lr=0.5).step()
    sums = before.sums()
    assert sums[0, 0] == pytest.approx(float(params[0].grad.double().square().sum()), rel=1e-12)
    moved = [
        float((param.detach().double() - weight).square().sum())
        for param, weight in zip(params, weights, strict=True)
    ]
    assert sums[:, 1].tolist() == pytest.approx(
        [float(weight.square().sum()) for weight in weights], rel=1e-12
    )
    assert sums[:, 2].tolist() == pytest.approx(moved, rel=1e-12)
    assert sums[1].tolist() == [0.0, sums[1, 1], 0.0, 0.0]
    assert isinstance(sums, np.ndarray)


@pytest.mark.parametrize(
    ("weight", "grad", "row"),
    [
        (torch.zeros(0), torch.zeros(0), [0, 0, 0, 0]),
        (torch.tensor(2.0), torch.tensor(-3.0), [9, 4, 1, 0]),
        (torch.full((2,), 3 + 4j), torch.full((2,), 1j), [2, 50, 2, 0]),
        (torch.ones(3, dtype=torch.bfloat16), torch.full((3,), 2, dtype=torch.bfloat16), [12, 3, 3, 0]),
        (torch.ones(2, 3).T, torch.ones(3, 2), [6, 6, 6, 0]),
        (torch.ones(4), torch.tensor([0.0, 2.0, 0.0, 0.0]).to_sparse(), [4, 4, 4, 0]),
        (torch.ones(BLOCK + 3), torch.ones(BLOCK + 3), [BLOCK + 3, BLOCK + 3, BLOCK + 3, 0]),
    ],
    ids=["empty", "scalar", "complex", "bfloat16", "strided", "sparse", "more than a block"],
)
def test_sums_of_any_tensor(weight: Tensor, grad: Tensor, row: list[float]) -> None:
    param = nn.Parameter(weight.clone(memory_format=torch.preserve_format))
    param.grad = grad
    before = Before.of([param])
    param.data += 1
    assert before.sums()[0] == pytest.approx(row, rel=1e-12)


def test_gradients_that_are_not_finite_are_counted() -> None:
    param = nn.Parameter(torch.ones(5))
    param.grad = torch.tensor([torch.nan, torch.inf, -torch.inf, 3e38, 0.0])
    assert Before.of([param]).sums()[0, 3] == 3


def test_sums_of_nothing_are_no_rows() -> None:
    assert Before.of([]).sums().shape == (0, 4)


def test_gradients_are_summed_without_a_step() -> None:
    params = [nn.Parameter(torch.zeros(2)) for _ in range(2)]
    params[0].grad, params[1].grad = torch.tensor([3.0, 4.0]), torch.tensor([torch.inf, 1.0])
    found = np.asarray(gradient_sums(params))
    assert found[0].tolist() == [25.0, 0.0, 0.0, 0.0]
    assert found[1].tolist() == [torch.inf, 0.0, 0.0, 1.0]
