"""Groups that are added: many at once, twice the same tensor, and what another class refuses."""

import pytest
import torch
from torch import nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.optimizer import Optimizer


def make(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(shape)) for shape in shapes]


def test_a_group_for_each_of_very_many_tensors() -> None:
    params = make(*[(1,)] * 20_000)
    ours = Optimizer([{"params": [param], "lr": 0.5} for param in params], "sgd")
    for param in params:
        param.grad = torch.ones(1)
    ours.step()
    assert {param.item() for param in params} == {0.5}


def test_a_tensor_in_two_groups_is_refused_as_torch_does() -> None:
    first, second, third = make((1,), (1,), (1,))
    with pytest.raises(ValueError, match="more than one parameter group"):
        Optimizer([{"params": [first]}, {"params": [second]}, {"params": iter([third, second])}])
    ours = Optimizer([{"params": [first]}, {"params": [second]}])
    with pytest.raises(ValueError, match="more than one parameter group"):
        ours.add_param_group({"params": [second]})
    assert len(ours.param_groups) == 2


def test_what_another_class_refuses_is_not_added() -> None:
    matrix, vector, other = make((2, 2), (2,), (3,))
    ours = Optimizer([{"params": [other]}], "adamw")
    ours.add_param_group({"params": [matrix], "optimizer": "muon"})
    with pytest.raises(OptimizerError, match="Muon refuses"):
        ours.add_param_group({"params": [vector], "optimizer": "muon"})
    assert len(ours.param_groups) == 2
    for param in (matrix, other):
        param.grad = torch.ones_like(param)
    ours.step()
    assert (matrix != 1).all()
    assert (other != 1).all()


def test_rows_that_are_a_whole_tensor_and_at_rate_0_leave_no_state() -> None:
    weight, other = make((2, 3), (2,))
    rows = [
        {"name": "weight", "start": 0, "stop": 1, "lr": 0},
        {"name": "weight", "start": 1, "stop": 2, "lr": 0},
    ]
    ours = Optimizer([{"params": [("weight", weight), ("other", other)], "rows": rows}], lr=0.1)
    for param in (weight, other):
        param.grad = torch.ones_like(param)
    ours.step()
    assert weight not in ours.state
    assert ours.state[other]["step"] == 1
    rows[1]["lr"] = 0.5
    ours.step()
    assert weight[0].tolist() == [1.0] * 3
    assert weight[1].tolist() == pytest.approx([0.495] * 3)
