"""A step that torch.distributed.checkpoint makes to find the shape of the state writes nothing else."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import _init_optim_state

from paramgroups.optim.optimizer import Optimizer
from paramgroups.optim.outlining import is_outline

OURS = ("adamw", "adam", "sgd", "lion", "rmsprop", "adagrad", "nadam", "radam", "lamb", "lars")
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.9},
    "rmsprop": {"momentum": 0.9, "centered": True},
    "adamw": {"amsgrad": True},
}


def weights() -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(4, 3)), nn.Parameter(torch.full((3,), 2.0))]


def optimizer_of(params: list[nn.Parameter], name: str = "adamw", **settings: Any) -> Optimizer:
    own = {"backend": "torch", "lr": 0.1, "weight_decay": 0.1, **SETTINGS.get(name, {}), **settings}
    return Optimizer([{"params": [one]} for one in params], name, **own)


def shapes_of(optimizer: Optimizer) -> list[dict[str, torch.Size]]:
    params = [param for group in optimizer.param_groups for param in group["params"]]
    return [{key: one.shape for key, one in optimizer.state.get(param, {}).items()} for param in params]


@pytest.mark.parametrize("name", OURS)
def test_it_makes_the_state_that_a_first_step_makes(name: str) -> None:
    asked, stepped = (optimizer_of(weights(), name) for _ in range(2))
    _init_optim_state(asked)
    for group in stepped.param_groups:
        group["params"][0].grad = torch.ones_like(group["params"][0])
    stepped.step()
    assert shapes_of(asked) == shapes_of(stepped)
    assert any(shapes_of(asked))
    for group in asked.param_groups:
        assert (group["lr"], group["params"][0].grad) == (0.1, None)


@pytest.mark.parametrize("name", OURS)
def test_the_first_real_step_is_as_if_nobody_had_asked(name: str) -> None:
    found = []
    for asks in (True, False):
        params = weights()
        optimizer = optimizer_of(params, name)
        if asks:
            _init_optim_state(optimizer)
            assert torch.equal(params[0], torch.ones(4, 3))
        for place in range(2):
            for param in params:
                param.grad = torch.full_like(param, 1.0 + place)
            optimizer.step()
        found.append(params)
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_nothing_was_counted_and_all_is_0() -> None:
    optimizer = optimizer_of(weights())
    _init_optim_state(optimizer)
    for state in optimizer.state.values():
        assert {key: float(one.abs().max()) for key, one in state.items()} == dict.fromkeys(state, 0.0)


def test_rows_with_a_rate_of_their_own_do_not_move() -> None:
    """The rates of 0 are written into groups, not into rows: zero gradients would let them decay."""
    params = weights()
    optimizer = optimizer_of(params)
    optimizer.param_groups[0].update(
        param_names=["embed"], rows=[{"name": "embed", "start": 0, "stop": 2, "lr": 0.5}]
    )
    _init_optim_state(optimizer)
    assert torch.equal(params[0], torch.ones(4, 3))
    assert optimizer.state[params[0]]["row_step"].tolist() == [0.0] * 4


def test_masters_are_there_too() -> None:
    param = nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    optimizer = Optimizer([param], "adamw", backend="torch", master_weights=True)
    _init_optim_state(optimizer)
    found = optimizer.state[param]
    assert {key: one.dtype for key, one in found.items()} == dict.fromkeys(found, torch.float32)
    assert set(found) == {"exp_avg", "exp_avg_sq", "step", "master"}
    assert found["master"].tolist() == [1.0] * 4


class Independent(torch.optim.Adamax):
    """Its decay does not ask for the rate."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for param in group["params"]:
                param.detach().mul_(0.5)
        return super().step(closure)


@pytest.mark.parametrize("cls", [torch.optim.Adamax, Independent])
def test_other_classes_make_theirs_and_move_no_weight(cls: type[torch.optim.Optimizer]) -> None:
    params = weights()
    optimizer = Optimizer(params, cls, lr=0.1)
    _init_optim_state(optimizer)
    assert [sorted(state) for state in optimizer.state.values()] == [["exp_avg", "exp_inf", "step"]] * 2
    assert torch.equal(params[0], torch.ones(4, 3))


def test_a_class_that_evaluates_the_loss_itself_is_not_asked() -> None:
    optimizer = Optimizer(weights(), "lbfgs")
    _init_optim_state(optimizer)
    assert not optimizer.state


def test_what_is_frozen_gets_none() -> None:
    params = weights()
    params[1].requires_grad_(False)
    optimizer = optimizer_of(params)
    _init_optim_state(optimizer)
    assert list(optimizer.state) == params[:1]


def test_statistics_are_still_those_of_the_last_update() -> None:
    """Plain SGD remembers nothing, so it is asked at each save."""
    params = weights()
    optimizer = optimizer_of(params, "sgd", momentum=0.0)
    for param in params:
        param.grad = torch.ones_like(param)
    optimizer.step()
    before = optimizer.statistics()["0"]
    optimizer.zero_grad()
    _init_optim_state(optimizer)
    assert optimizer.statistics()["0"] == before


def zeroed(optimizer: Optimizer, grad: float = 0.0) -> Optimizer:
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        for param in group["params"]:
            param.grad = torch.full_like(param, grad)
    return optimizer


def test_a_warm_up_that_begins_at_0_makes_no_state() -> None:
    optimizer = zeroed(optimizer_of(weights()), grad=1.0)
    assert not is_outline(optimizer)
    optimizer.step()
    assert not optimizer.state


@pytest.mark.parametrize(
    "undo",
    [
        lambda optimizer: optimizer.param_groups[1].update(lr=0.1),
        lambda optimizer: optimizer.param_groups[1].update(lr="0"),
        lambda optimizer: optimizer.param_groups[1].update(lr=torch.zeros(2)),
        lambda optimizer: optimizer.state[optimizer.param_groups[0]["params"][0]].update(step=0),
        lambda optimizer: optimizer.zero_grad(),
        lambda optimizer: optimizer.param_groups[1]["params"][0].grad.fill_(float("nan")),
    ],
    ids=["a rate", "a text", "rates", "state", "no gradients", "nan"],
)
def test_all_must_be_0_and_nothing_remembered(undo: Any) -> None:
    optimizer = zeroed(optimizer_of(weights()))
    assert is_outline(optimizer, None)
    undo(optimizer)
    assert not is_outline(optimizer, None)


def test_a_closure_makes_gradients_of_its_own() -> None:
    assert not is_outline(zeroed(optimizer_of(weights())), lambda: None)


def test_sparse_gradients_and_rates_that_are_tensors_are_looked_at() -> None:
    param = nn.Parameter(torch.ones(3, 2))
    optimizer = torch.optim.SparseAdam([param], lr=0.1)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.0)
    for value in (0.0, 1.0):
        param.grad = torch.sparse_coo_tensor(
            torch.tensor([[1]]), torch.full((1, 2), value), (3, 2), check_invariants=True
        )
        assert is_outline(optimizer) == (value == 0.0)


def test_a_parameter_that_could_not_be_stepped_is_refused() -> None:
    param = nn.Parameter(Tensor([1.0, 2.0]).expand(3, 2))
    with pytest.raises(Exception, match="expanded"):
        _init_optim_state(optimizer_of([param]))
