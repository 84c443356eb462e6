"""Worlds for the fuzz: parameters between guards, an optimizer, and a slow twin that a reader can check."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from paramgroups.optim.optimizer import Optimizer

GUARD, SENTINEL = 16, 7.25
HALVES = (torch.float16, torch.bfloat16)
Memory = dict[nn.Parameter, dict[str, Any]]


class Slow:
    """AdamW number by number in float64, as its paper has it, over the groups of another optimizer.

    A rate of 0 writes nothing, a row's rate is its own, and bias is corrected by how often a row was stepped.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self.param_groups = groups
        self.state: Memory = {}

    @torch.no_grad()
    def step(self) -> None:
        """One step."""
        for group in self.param_groups:
            for place, param in enumerate(group["params"]):
                rates = self._rates(group, place, param)
                awake = bool(rates.count_nonzero()) or (group["lr"] != 0 and not param.numel())
                if param.grad is not None and param.requires_grad and awake:
                    self._one(group, param, param.grad.double(), rates)

    def _rates(self, group: dict[str, Any], place: int, param: Tensor) -> Tensor:
        rates = torch.full(param.shape, float(group["lr"]), dtype=torch.float64)
        for row in group.get("rows", ()):
            if row["name"] == group["param_names"][place]:
                rates[row["start"] : row["stop"]] = row["lr"]
        return rates

    def _one(self, group: dict[str, Any], param: nn.Parameter, grad: Tensor, rates: Tensor) -> None:
        state = self.state.setdefault(param, {})
        for key in ("exp_avg", "exp_avg_sq"):
            state[key] = state.get(key, torch.zeros(param.shape, dtype=torch.float64))
        awake = rates != 0
        state["step"] = state.get("step", 0) + 1
        count = state["count"] = state.get("count", torch.zeros(param.shape, dtype=torch.float64)) + awake
        beta1, beta2 = group["betas"]
        first = beta1 * state["exp_avg"] + (1 - beta1) * grad
        second = beta2 * state["exp_avg_sq"] + (1 - beta2) * grad**2
        root = (second / (1 - beta2**count)).sqrt() + group["eps"]
        after = param * (1 - rates * group["weight_decay"]) - rates * first / (1 - beta1**count) / root
        param.data = torch.where(awake, after, param.double()).to(param.dtype)
        state["exp_avg"] = torch.where(awake, first, state["exp_avg"])
        state["exp_avg_sq"] = torch.where(awake, second, state["exp_avg_sq"])


@dataclass
class World:
    """Parameters, who steps them, and all memory that was ever theirs.

    Attributes:
        make: Makes what steps groups.
        random: The same choices in every world.
        guarded: Storages with what they held when they were given up; None while in use.
        saved: A state that was saved, and the parameters that it is of.
    """

    make: Callable[[list[dict[str, Any]]], Any]
    random: Random
    guarded: list[tuple[Tensor, Tensor | None]] = field(default_factory=list)
    saved: tuple[Any, list[Any]] | None = None

    def __post_init__(self) -> None:
        self.draws = torch.Generator().manual_seed(self.random.randrange(2**31))
        shapes: list[tuple[int, ...]] = [(4, 3), (), (0,), (5,), (3, 2, 2), (65,)]
        self.params = [nn.Parameter(self.tensor(shape, torch.float64)) for shape in shapes]
        self.optimizer = self.make(
            [
                {"params": self.params[:2], "param_names": ["0", "1"], "lr": 0.01},
                {"params": self.params[2:5], "param_names": ["2", "3", "4"], "lr": 0.02},
                {"params": self.params[5:], "param_names": ["5"], "lr": 0.03},
            ]
        )

    def tensor(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Random numbers between guards."""
        count = int(torch.Size(shape).numel())
        whole = torch.full((count + 2 * GUARD,), SENTINEL, dtype=dtype)
        inner = whole[GUARD : GUARD + count]
        inner.copy_(torch.randn(count, generator=self.draws, dtype=torch.float64))
        self.guarded.append((whole, None))
        return inner.view(tuple(shape))

    def retire(self, tensor: Tensor) -> None:
        """Nobody writes there from now on."""
        start = tensor.untyped_storage().data_ptr()
        for place, (whole, kept) in enumerate(self.guarded):
            if whole.untyped_storage().data_ptr() == start and kept is None:
                self.guarded[place] = (whole, whole.clone())

    def check_guards(self) -> None:
        """What lies around tensors, and in those that were given up, is as it was."""
        for whole, kept in self.guarded:
            if kept is not None:
                assert torch.equal(whole, kept), "memory that was given up is written"
            edges = torch.cat([whole[:GUARD], whole[-GUARD:]])
            assert torch.equal(edges, torch.full_like(edges, SENTINEL)), "written beyond a tensor"

    @property
    def groups(self) -> list[dict[str, Any]]:
        return list(self.optimizer.param_groups)

    def pick(self) -> nn.Parameter:
        return self.params[self.random.randrange(len(self.params))]

    def group(self) -> dict[str, Any]:
        return self.groups[self.random.randrange(len(self.groups))]

    def replace(self, param: nn.Parameter, data: Tensor) -> None:
        """Give a parameter other memory; its gradient, which no longer fits, is dropped."""
        self.retire(param.data)
        param.grad = None
        param.data = data


def compiled(groups: list[dict[str, Any]]) -> Optimizer:
    """The optimizer on compiled kernels."""
    return Optimizer(groups, backend="cpu")


def plain(groups: list[dict[str, Any]]) -> Optimizer:
    """The optimizer on plain torch."""
    return Optimizer(groups, backend="torch")


def slow(groups: list[dict[str, Any]]) -> Slow:
    """The slow twin, with all settings that the optimizer would fill in."""
    return Slow(Optimizer(groups).param_groups)
