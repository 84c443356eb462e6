"""Half precision: state in float32, masters in float32, gradients of another dtype; and float64."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paramgroups.optim.optimizer import Optimizer
from tests.optim.backends.steppers import CLASSES

BOTH = pytest.mark.parametrize("backend", ["torch", "cpu"])
HALVES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
RULES = ["adamw", "sgd", "lion", "rmsprop", "adagrad", "nadam", "radam", "lamb", "lars"]
SETTINGS: dict[str, dict[str, Any]] = {"sgd": {"momentum": 0.9}}


def gradients(steps: int, dtype: torch.dtype) -> list[Tensor]:
    return [torch.randn(5, 3).to(dtype) for _ in range(steps)]


@BOTH
@HALVES
@pytest.mark.parametrize("name", RULES)
def test_with_masters_a_run_is_that_of_float32(name: str, dtype: torch.dtype, backend: str) -> None:
    """The weights are that run's, rounded; no rounding enters it."""
    start = torch.randn(5, 3).to(dtype)
    param, twin = nn.Parameter(start.clone()), nn.Parameter(start.float())
    own = SETTINGS.get(name, {})
    mine = Optimizer([param], name, lr=0.01, backend=backend, master_weights=True, **own)
    other = CLASSES[name]([twin], lr=0.01, **own)
    for grad in gradients(20, dtype):
        param.grad, twin.grad = grad.clone(), grad.float()
        mine.step()
        other.step()
    master = mine.state[param]["master"]
    torch.testing.assert_close(master, twin.detach(), rtol=1e-4, atol=1e-5)
    assert torch.equal(param, master.to(dtype))
    assert {value.dtype for value in mine.state[param].values()} == {torch.float32}


@BOTH
@HALVES
def test_masters_keep_what_is_too_little_for_the_weight(dtype: torch.dtype, backend: str) -> None:
    """A hundred steps of 1e-4 from 1: in half precision each alone is rounded away."""
    params = [nn.Parameter(torch.ones(3, dtype=dtype)) for _ in range(2)]
    both = [
        Optimizer([param], "sgd", lr=1e-4, backend=backend, master_weights=masters)
        for param, masters in zip(params, (False, True), strict=True)
    ]
    for _ in range(100):
        for param, optimizer in zip(params, both, strict=True):
            param.grad = torch.ones(3, dtype=dtype)
            optimizer.step()
    assert params[0].tolist() == [1.0] * 3
    assert params[1].tolist() == pytest.approx([0.99] * 3, abs=2**-8)
    assert both[1].state[params[1]]["master"].tolist() == pytest.approx([0.99] * 3, abs=1e-5)


@BOTH
def test_masters_follow_who_writes_the_weights(backend: str) -> None:
    param = nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    mine = Optimizer([param], "sgd", lr=0.5, backend=backend, master_weights=True)
    for start in (1.0, 8.0):
        with torch.no_grad():
            param.fill_(start)
        param.grad = torch.ones(3, dtype=torch.bfloat16)
        mine.step()
        assert param.tolist() == [start - 0.5] * 3


@BOTH
@HALVES
@pytest.mark.parametrize("name", RULES)
def test_without_masters_only_the_weight_is_rounded(name: str, dtype: torch.dtype, backend: str) -> None:
    """Each step is that of float32 from the same weights, rounded once; the state is never rounded."""
    param = nn.Parameter(torch.randn(5, 3).to(dtype))
    twin = nn.Parameter(param.detach().float())
    own = SETTINGS.get(name, {})
    mine, other = (
        Optimizer([param], name, lr=0.01, backend=backend, **own),
        CLASSES[name]([twin], lr=0.01, **own),
    )
    for grad in gradients(10, dtype):
        twin.data.copy_(param.data)
        param.grad, twin.grad = grad.clone(), grad.float()
        mine.step()
        other.step()
        within = torch.finfo(dtype).eps
        torch.testing.assert_close(param.float(), twin.detach(), rtol=within, atol=1e-5)
    for key, value in other.state[twin].items():
        if isinstance(value, Tensor) and value.dim():
            assert mine.state[param][key].dtype == torch.float32
            torch.testing.assert_close(mine.state[param][key], value, rtol=1e-4, atol=1e-5)


@BOTH
@pytest.mark.parametrize("grad_dtype", [torch.float32, torch.float16, torch.float64], ids=["32", "16", "64"])
def test_gradients_of_another_dtype(grad_dtype: torch.dtype, backend: str) -> None:
    """As a model that was converted after its backward has them."""
    param = nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    data = param.data
    param.data = torch.ones(4, dtype=grad_dtype)
    param.grad = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=grad_dtype)
    param.data = data
    Optimizer([param], "sgd", lr=0.125, backend=backend).step()
    assert param.tolist() == [0.9375, 0.875, 0.75, 0.5]


@BOTH
def test_float64_is_stepped_in_float64(backend: str) -> None:
    param = nn.Parameter(torch.ones(2, dtype=torch.float64))
    param.grad = torch.full((2,), 1e-14, dtype=torch.float64)
    Optimizer([param], "sgd", lr=1.0, backend=backend).step()
    assert param.tolist() == [1.0 - 1e-14] * 2


@BOTH
def test_dtypes_side_by_side_have_a_group_and_a_norm_together(backend: str) -> None:
    params = [nn.Parameter(torch.full((2,), 3.0, dtype=dtype)) for dtype in (torch.float64, torch.bfloat16)]
    for param in params:
        param.grad = torch.full((2,), 2.0, dtype=param.dtype)
    mine = Optimizer(params, "sgd", lr=1.0, clip_norm=2.0, backend=backend)
    mine.step()
    assert mine.statistics()["0"].grad_norm == pytest.approx(4.0)
    assert [param.tolist() for param in params] == [pytest.approx([2.0, 2.0], abs=1e-5)] * 2


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_a_half_that_is_computed_in_float64(half: torch.dtype) -> None:
    param = nn.Parameter(torch.ones(3, dtype=half))
    ours = Optimizer([param], lr=0.25, weight_decay=0.0, backend="cpu")
    param.grad_dtype = None  # any dtype may be set then
    param.grad = torch.ones(3, dtype=torch.float64)
    ours.step()
    assert param.tolist() == [0.75] * 3
