"""Making a torch optimizer of groups, and letting one forget."""

from typing import Any

import pytest
import torch
from torch import nn

from paramgroups.errors import PlanError
from paramgroups.optim import optimizer_class
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.run.making import forget, forget_rows, make, make_torchs


def group(**settings: Any) -> dict[str, Any]:
    return {"params": [nn.Parameter(torch.ones(2))], "lr": 0.1} | settings


def test_only_what_the_class_takes_reaches_it() -> None:
    made = make_torchs(optimizer_class("sgd"), [group()], {"momentum": 0.5, "beta1": 0.9})
    assert made.defaults["momentum"] == 0.5


def test_a_packed_setting_is_given_packed() -> None:
    made = make_torchs(optimizer_class("adamw"), [group()], {"beta1": 0.8, "beta2": 0.9})
    assert made.param_groups[0]["betas"] == (0.8, 0.9)


def test_a_refusal_is_ours() -> None:
    message = (
        "SGD does not take the plan's groups: Nesterov momentum requires .* given: head. Change the recipe"
    )
    with pytest.raises(PlanError, match=message):
        make_torchs(optimizer_class("sgd"), [group(name="head")], {"nesterov": True})


@pytest.mark.parametrize(("name", "left"), [("sgd", 0), ("adamw", 0), ("adagrad", 2)])
def test_to_forget_leaves_what_a_new_tensor_has(name: str, left: int) -> None:
    optimizer = make_torchs(optimizer_class(name), [group()], {"momentum": 0.9})
    held = optimizer.param_groups[0]
    for tensor in held["params"]:
        tensor.grad = torch.ones(2)
    optimizer.step()
    forget(optimizer, held, optimizer_class(name), held["params"])
    state = optimizer.state.get(held["params"][0], {})
    assert len(state) == left
    assert all(not torch.as_tensor(value).any() for value in state.values())
    optimizer.step()


def test_ours_takes_what_its_groups_are_given() -> None:
    settings = {"beta1": 0.8, "beta2": 0.9, "momentum": 0.5, "clip_norm": 1.0}
    made = make(optimizer_class("adamw"), [group()], settings, {"backend": "torch"})
    assert (made.defaults["betas"], made.defaults["clip_norm"]) == ((0.8, 0.9), 1.0)
    assert "momentum" not in made.defaults


@pytest.mark.parametrize("name", ["sgd", "adamw", "adagrad", "lion"])
def test_ours_forgets_all_of_some_tensors(name: str) -> None:
    one, other = (nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer = make(optimizer_class(name), [{"params": [one, other], "lr": 0.1}], {"momentum": 0.9}, {})
    one.grad = other.grad = torch.ones(2)
    optimizer.step()
    forget(optimizer, optimizer.param_groups[0], optimizer_class(name), [one])
    assert one not in optimizer.state
    assert optimizer.state[other]
    optimizer.step()


def test_torch_makes_none_of_ours() -> None:
    with pytest.raises(PlanError, match=r"torch has no Lion: let pg.build\(plan\) make"):
        make_torchs(optimizer_class("lion"), [group()], {})


@pytest.mark.parametrize("backend", ["torch", "cpu"])
@pytest.mark.parametrize("name", sorted(set(ALGORITHMS) - {"lamb", "lars"}))
def test_forgotten_rows_are_stepped_as_new_ones(name: str, backend: str) -> None:
    """They begin anew, and the others go on, to the bit as if each had been alone."""
    settings: dict[str, Any] = {"lr": 0.1, "weight_decay": 0.1}
    settings |= {"momentum": 0.9} if name in {"sgd", "rmsprop"} else {}
    settings |= {"initial_accumulator_value": 0.5} if name == "adagrad" else {}

    def made(param: nn.Parameter) -> Any:
        rows = [{"name": "w", "start": 2, "stop": 5, "lr": 0.1}]
        held = {"params": [param], "param_names": ["w"], "lr": 0.1, "rows": rows}
        return make(optimizer_class(name), [held], settings, {"backend": backend})

    def step(optimizer: Any, param: nn.Parameter, number: int) -> None:
        param.grad = torch.linspace(-1, 1, 18).view(6, 3) * (1 if number < 4 else -0.1)
        optimizer.step()

    param = nn.Parameter(torch.linspace(1, 2, 18).view(6, 3))
    on = nn.Parameter(param.detach().clone())
    optimizer, other = made(param), made(on)
    for number in range(4):
        step(optimizer, param, number)
        step(other, on, number)
    forget_rows(optimizer, optimizer.param_groups[0], optimizer_class(name), param, slice(2, 5))
    assert torch.equal(param, on)
    new = nn.Parameter(param.detach().clone())
    fresh = made(new)
    for number in range(4, 7):
        for each in ((optimizer, param), (other, on), (fresh, new)):
            step(*each, number)
    assert torch.equal(param[2:5], new[2:5])
    assert torch.equal(param[:2], on[:2])
    assert torch.equal(param[5:], on[5:])
    assert not torch.equal(param[2:5], on[2:5])
    assert optimizer.state[param]["row_step"].tolist() == [7, 7, 3, 3, 3, 7]


def test_rows_of_what_was_never_stepped_are_not_made() -> None:
    param = nn.Parameter(torch.ones(4, 2))
    optimizer = make(optimizer_class("adamw"), [{"params": [param], "lr": 0.1}], {}, {})
    forget_rows(optimizer, optimizer.param_groups[0], optimizer_class("adamw"), param, slice(0, 2))
    assert not optimizer.state


def test_rows_of_a_state_of_torchs_are_forgotten_before_the_first_step() -> None:
    param = nn.Parameter(torch.ones(4, 2))
    torchs = torch.optim.AdamW([("w", param)])
    param.grad = torch.ones(4, 2)
    torchs.step()
    optimizer = make(optimizer_class("adamw"), [{"params": [param], "param_names": ["w"], "lr": 0.1}], {}, {})
    optimizer.load_state_dict(torchs.state_dict())
    forget_rows(optimizer, optimizer.param_groups[0], optimizer_class("adamw"), param, slice(0, 2))
    state = optimizer.state[param]
    assert state["row_step"].tolist() == [0, 0, 1, 1]
    assert state["exp_avg"].ne(0).tolist() == [[False] * 2] * 2 + [[True] * 2] * 2


def test_an_optimizer_without_memory_has_no_rows_to_forget() -> None:
    param = nn.Parameter(torch.ones(4, 2))
    optimizer = make(optimizer_class("sgd"), [{"params": [param], "lr": 0.1}], {}, {})
    param.grad = torch.ones(4, 2)
    optimizer.step()
    forget_rows(optimizer, optimizer.param_groups[0], optimizer_class("sgd"), param, None)
    assert not optimizer.state.get(param)
