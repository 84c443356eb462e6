"""The rules that torch has none of, as their papers write them, in the loop form of torch's optimizers."""

from typing import Any

import torch
from torch import Tensor

from paramgroups.optim.algorithms import ALGORITHMS

Group = dict[str, Any]
State = dict[str, Any]


class Twin(torch.optim.Optimizer):
    """A loop over tensors; what one step does to one of them is `one`."""

    name: str

    def __init__(self, params: Any, lr: float = 1e-4, **settings: Any) -> None:
        super().__init__(params, {**ALGORITHMS[self.name].defaults, "lr": lr, **settings})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step."""
        assert closure is None
        for group in self.param_groups:
            for param in group["params"]:
                grad = -param.grad if group["maximize"] else param.grad
                self.one(group, param, grad, self.state[param])

    def one(self, group: Group, weight: Tensor, grad: Tensor, state: State) -> None:
        raise NotImplementedError


class Lion(Twin):
    """arXiv 2302.06675, algorithm 2."""

    name = "lion"

    def one(self, group: Group, weight: Tensor, grad: Tensor, state: State) -> None:
        beta1, beta2 = group["betas"]
        moment = state.setdefault("exp_avg", torch.zeros_like(weight))
        direction = (beta1 * moment + (1 - beta1) * grad).sign()
        weight.sub_(group["lr"] * (direction + group["weight_decay"] * weight))
        moment.copy_(beta2 * moment + (1 - beta2) * grad)


class Lamb(Twin):
    """arXiv 1904.00962, algorithm 2."""

    name = "lamb"

    def one(self, group: Group, weight: Tensor, grad: Tensor, state: State) -> None:
        beta1, beta2 = group["betas"]
        state["t"] = state.get("t", 0) + 1
        first = beta1 * state.get("exp_avg", 0) + (1 - beta1) * grad
        second = beta2 * state.get("exp_avg_sq", 0) + (1 - beta2) * grad**2
        state["exp_avg"], state["exp_avg_sq"] = first, second
        ratio = (first / (1 - beta1 ** state["t"])) / (
            (second / (1 - beta2 ** state["t"])).sqrt() + group["eps"]
        )
        wanted = ratio + group["weight_decay"] * weight
        length, reach = weight.norm(), wanted.norm()
        trust = length / reach if length > 0 and reach > 0 else 1.0
        weight.sub_(group["lr"] * trust * wanted)


class Lars(Twin):
    """arXiv 1708.03888, algorithm 1, with the rate outside of the buffer."""

    name = "lars"

    def one(self, group: Group, weight: Tensor, grad: Tensor, state: State) -> None:
        length, slope, decay = weight.norm(), grad.norm(), group["weight_decay"]
        local = group["trust_coefficient"] * length / (slope + decay * length + group["eps"])
        trust = local if length > 0 and slope > 0 else 1.0
        velocity = group["momentum"] * state.get("momentum_buffer", 0) + trust * (grad + decay * weight)
        state["momentum_buffer"] = velocity
        weight.sub_(group["lr"] * velocity)


TWINS: dict[str, type[Twin]] = {twin.name: twin for twin in (Lion, Lamb, Lars)}
