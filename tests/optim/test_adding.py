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


@pytest.mark.parametrize("backend", ["cpu", "torch"])
def test_a_gradient_whose_storage_shrank_since_is_refused(backend: str) -> None:
    (param,) = make((1000,))
    ours = Optimizer([param], lr=0.1, backend=backend)
    param.grad = torch.ones(1000)
    ours.step()
    before = param.detach().clone()
    param.grad = torch.ones(1000)
    param.grad.untyped_storage().resize_(16)
    with pytest.raises(OptimizerError, match=r"has 16 of the 4,000 bytes"):
        ours.step()
    assert torch.equal(param, before)


def test_a_parameter_that_was_put_into_a_second_group_is_refused() -> None:
    first, second = make((1,), (2,))
    ours = Optimizer([{"params": [first]}, {"params": [second]}], "sgd", lr=0.1)
    ours.param_groups[1]["params"].append(first)
    for param in (first, second):
        param.grad = torch.ones_like(param)
    with pytest.raises(OptimizerError, match="in the groups 0 and 1"):
        ours.step()


@pytest.mark.parametrize("name", ["muon", "adamax"])
def test_rates_of_delegated_groups_are_checked_too(name: str) -> None:
    (matrix,) = make((2, 2))
    with pytest.raises(OptimizerError, match="lr=inf"):
        Optimizer([matrix], name, lr=float("inf"))
    ours = Optimizer([matrix], name, lr=0.1)
    matrix.grad = torch.ones(2, 2)
    ours.param_groups[0]["lr"] = float("nan")
    with pytest.raises(OptimizerError, match=r"lr=nan in group 0"):
        ours.step()
    assert torch.equal(matrix, torch.ones(2, 2))


def test_defaults_of_other_classes_are_their_own() -> None:
    (matrix,) = make((2, 2))
    assert Optimizer([matrix], "adadelta").param_groups[0]["lr"] == 1.0
    ours = Optimizer([{"params": [matrix], "optimizer": "sgd"}], "adamw", lr=0.25, weight_decay=0.5)
    assert (ours.param_groups[0]["lr"], ours.param_groups[0]["weight_decay"]) == (0.25, 0.5)


def test_a_key_that_is_nearly_one_is_refused_and_others_keys_are_not() -> None:
    (param,) = make((2,))
    with pytest.raises(OptimizerError, match=r'sgd reads no "momentm" of a group. Nearest: "momentum"'):
        Optimizer([{"params": [param], "momentm": 0.9}], "sgd")
    Optimizer([{"params": [param], "max_momentum": 0.9, "lr_scale": 1.0, "swa_lr": 0.1}], "sgd")


def test_rows_and_bounds_stay_where_torchs_state_has_none() -> None:
    (weight,) = make((4, 2))
    rows = [{"name": "weight", "start": 0, "stop": 2, "lr": 0.0}]
    ours = Optimizer([{"params": [("weight", weight)], "rows": rows}], lr=0.1, clip_norm=0.5)
    torchs = torch.optim.AdamW([("weight", nn.Parameter(torch.ones(4, 2)))], lr=0.3)
    ours.load_state_dict(torchs.state_dict())
    group = ours.param_groups[0]
    assert (group["rows"], group["clip_norm"], group["lr"]) == (rows, 0.5, 0.3)
    saved = ours.state_dict()
    group["rows"][0]["lr"] = 1.0
    assert saved["param_groups"][0]["rows"][0]["lr"] == 0.0


def test_a_skipped_step_tells_of_gradients_alone() -> None:
    first, second = make((2,), (2,))
    ours = Optimizer([{"params": [first]}, {"params": [second]}], skip_nonfinite=True)
    first.grad, second.grad = torch.tensor([3.0, 4.0]), torch.tensor([torch.nan, 1.0])
    ours.step()
    told = ours.statistics()["0"]
    assert (told.grad_norm, told.update_norm, told.update_ratio) == (5.0, 0.0, 0.0)
    assert told.weight_norm != told.weight_norm  # NaN alone differs from itself


def test_groups_of_one_name_are_told_apart_and_named_as_they_were() -> None:
    first, second = make((1,), (1,))
    ours = Optimizer([{"params": [first], "name": "a"}, {"params": [second], "name": "a"}], "sgd", lr=0.1)
    first.grad, second.grad = torch.tensor([1.0]), torch.tensor([2.0])
    ours.step()
    ours.param_groups.reverse()
    found = {name: told.grad_norm for name, told in ours.statistics().items()}
    assert found == {"a (group 0)": 1.0, "a (group 1)": 2.0}


@pytest.mark.parametrize("backend", ["cpu", "torch"])
@pytest.mark.parametrize(
    ("name", "own"),
    [("nadam", {"beta1": 0.5}), ("nadam", {"momentum_decay": 0.1}), ("sgd", {"momentum": 0.5})],
)
def test_rows_that_thaw_step_as_tensors_of_their_own(name: str, own: dict[str, float], backend: str) -> None:
    said = {"lr": 0.1, "momentum": 0.9, "dampening": 0.5} if name == "sgd" else {"lr": 0.1}
    torch.manual_seed(0)
    table = nn.Parameter(torch.randn(4, 3, dtype=torch.float64))
    parts = [nn.Parameter(table.detach()[:2].clone()), nn.Parameter(table.detach()[2:].clone())]
    rows = [{"name": "table", "start": 0, "stop": 2, **own}]
    ours = Optimizer([{"params": [("table", table)], "rows": rows}], name, backend=backend, **said)  # type: ignore[arg-type]  # numbers
    packed = {"betas": (own["beta1"], 0.999)} if "beta1" in own else own
    groups = [{"params": [parts[0]], **packed}, {"params": [parts[1]]}]
    torchs = getattr(torch.optim, {"nadam": "NAdam", "sgd": "SGD"}[name])(groups, **said)
    for step in range(12):
        grad = torch.randn(4, 3, dtype=torch.float64)
        table.grad, parts[1].grad = grad, grad[2:].clone()
        parts[0].grad = grad[:2].clone() if step >= 4 else None
        rows[0]["lr"] = 0.1 if step >= 4 else 0.0
        ours.step()
        torchs.step()
    whole = torch.cat([part.detach() for part in parts])
    assert torch.allclose(table.detach(), whole, rtol=1e-6, atol=1e-9)
