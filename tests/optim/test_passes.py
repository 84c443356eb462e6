"""When a layout serves again, and when it is made anew."""

from typing import Any

import pytest
import torch

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.passes import check_gradient, look, plain

ADAM = ALGORITHMS["adam"]


def grown(count: int = 3) -> list[dict[str, Any]]:
    params = [torch.nn.Parameter(torch.ones(2, 3)) for _ in range(count)]
    for param in params:
        param.grad = torch.ones(2, 3)
    return [{**ADAM.defaults, "params": params[:1]}, {**ADAM.defaults, "params": params[1:]}]


def test_new_gradients_and_other_rates_change_no_layout() -> None:
    groups = grown()
    before = look(groups, ADAM)
    groups[0]["lr"] = 0.5
    groups[1]["params"][0].grad = torch.zeros(2, 3)
    assert look(groups, ADAM).is_as(before)


def change(groups: list[dict[str, Any]], what: str) -> None:
    first, last = groups[0]["params"][0], groups[1]["params"][-1]
    if what == "no gradient":
        first.grad = None
    elif what == "frozen":
        last.requires_grad_(requires_grad=False)
    elif what == "rate 0":
        groups[0]["lr"] = 0.0
    elif what == "dtype":
        last.grad = None
        last.data = last.data.double()
        last.grad = torch.ones(2, 3, dtype=torch.float64)
    elif what == "as many numbers":
        last.grad = None
        last.data = torch.ones(3, 2)
        last.grad = torch.ones(3, 2)
    elif what == "strides":
        first.grad = torch.ones(3, 2).T
    elif what == "rule":
        groups[1]["amsgrad"] = True
    elif what == "another owner":
        groups[0]["params"].append(groups[1]["params"].pop(0))
    else:
        groups[1]["params"][0] = torch.nn.Parameter(torch.ones(2, 3))


@pytest.mark.parametrize(
    "what",
    [
        "no gradient", "frozen", "rate 0", "dtype", "as many numbers", "strides", "rule", "another owner",
        "another tensor",
    ],
)  # fmt: skip
def test_what_a_layout_hangs_on(what: str) -> None:
    groups = grown()
    before = look(groups, ADAM)
    change(groups, what)
    assert not look(groups, ADAM).is_as(before)


def test_gradients_that_cannot_be_stepped() -> None:
    param = torch.ones(2)
    with pytest.raises(OptimizerError, match=r"torch.sparse_coo gradient.*SparseAdam"):
        check_gradient(param, torch.ones(2).to_sparse())
    with pytest.raises(OptimizerError, match=r"shape \(3,\).*replaced since"):
        check_gradient(param, torch.ones(3))
    with pytest.raises(OptimizerError, match=r"torch.complex64 gradient"):
        check_gradient(param, torch.ones(2, dtype=torch.complex64))


def test_plain_tensors_are_views_where_they_can_be() -> None:
    line, number = torch.ones(2, 3), torch.tensor([1 + 2j])
    found = plain([line, line.T, number, number.conj(), number.conj().imag])
    assert found[0].data_ptr() == line.data_ptr()
    assert found[2].data_ptr() == number.data_ptr()
    assert all(tensor.is_contiguous() for tensor in found)
    assert found[3].tolist() == [[1.0, -2.0]]
    assert found[4].tolist() == [-2.0]


def test_a_rate_that_is_no_number() -> None:
    groups = grown()
    groups[1]["lr"] = torch.ones(2)
    with pytest.raises(OptimizerError, match=r"lr=0.001, tensor.*one number"):
        look(groups, ADAM)
    del groups[1]["lr"]
    with pytest.raises(OptimizerError, match=r"lr=0.001, None"):
        look(groups, ADAM)
