"""Making a torch optimizer of groups, and letting one forget."""

from typing import Any

import pytest
import torch
from torch import nn

from paramgroups.errors import PlanError
from paramgroups.optim import optimizer_class
from paramgroups.run.making import forget, make


def group(**settings: Any) -> dict[str, Any]:
    return {"params": [nn.Parameter(torch.ones(2))], "lr": 0.1} | settings


def test_only_what_the_class_takes_reaches_it() -> None:
    made = make(optimizer_class("sgd"), [group()], {"momentum": 0.5, "beta1": 0.9})
    assert made.defaults["momentum"] == 0.5


def test_a_packed_setting_is_given_packed() -> None:
    made = make(optimizer_class("adamw"), [group()], {"beta1": 0.8, "beta2": 0.9})
    assert made.param_groups[0]["betas"] == (0.8, 0.9)


def test_a_refusal_is_ours() -> None:
    message = (
        "SGD does not take the plan's groups: Nesterov momentum requires .* given: head. Change the recipe"
    )
    with pytest.raises(PlanError, match=message):
        make(optimizer_class("sgd"), [group(name="head")], {"nesterov": True})


@pytest.mark.parametrize(("name", "left"), [("sgd", 0), ("adamw", 0), ("adagrad", 2)])
def test_to_forget_leaves_what_a_new_tensor_has(name: str, left: int) -> None:
    optimizer = make(optimizer_class(name), [group()], {"momentum": 0.9})
    held = optimizer.param_groups[0]
    for tensor in held["params"]:
        tensor.grad = torch.ones(2)
    optimizer.step()
    forget(optimizer, held, optimizer_class(name))
    state = optimizer.state.get(held["params"][0], {})
    assert len(state) == left
    assert all(not torch.as_tensor(value).any() for value in state.values())
    optimizer.step()
