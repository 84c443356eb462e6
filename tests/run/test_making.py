"""Making a torch optimizer of groups, and letting one forget."""

from typing import Any

import pytest
import torch
from torch import nn

from paramgroups.errors import PlanError
from paramgroups.optim import optimizer_class
from paramgroups.run.making import forget, make, make_torchs


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
