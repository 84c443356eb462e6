"""What the tests of rules and backends share: batches that are stepped as an optimizer would."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.backends import STATISTICS, Batch, cpu, plan_chunks, reference
from paramgroups.optim.hyperparameters import unpack

Settings = Mapping[str, Any]
BACKENDS: dict[str, Callable[[Batch], None]] = {"reference": reference.step, "cpu": cpu.step}

CASES: dict[str, tuple[str, Settings]] = {
    "adamw": ("adamw", {}),
    "adamw, amsgrad": ("adamw", {"amsgrad": True, "weight_decay": 0.1}),
    "adam": ("adam", {"weight_decay": 0.1, "maximize": True}),
    "adam, amsgrad": ("adam", {"amsgrad": True, "betas": (0.5, 0.7)}),
    "nadam": ("nadam", {"weight_decay": 0.1}),
    "nadam, decoupled": ("nadam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": ("radam", {"weight_decay": 0.1}),
    "radam, never rectified": ("radam", {"betas": (0.9, 0.6), "decoupled_weight_decay": True}),
    "sgd": ("sgd", {"weight_decay": 0.1, "maximize": True}),
    "sgd, dampened": ("sgd", {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    "sgd, nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
    "lion": ("lion", {"weight_decay": 0.1}),
    "rmsprop": ("rmsprop", {"weight_decay": 0.1}),
    "rmsprop, momentum": ("rmsprop", {"momentum": 0.9}),
    "rmsprop, centered": ("rmsprop", {"centered": True, "maximize": True}),
    "rmsprop, both": ("rmsprop", {"centered": True, "momentum": 0.9}),
    "adagrad": ("adagrad", {"lr_decay": 0.01, "weight_decay": 0.1}),
    "adagrad, not from 0": ("adagrad", {"initial_accumulator_value": 0.5}),
}
"""Every rule, and every branch within it."""


class Stepper:
    """Segments with settings of their own, and all that one rule keeps of them.

    Args:
        name: The optimizer's name.
        params: The tensors, written in place.
        settings: Each tensor's settings.
        backend: What steps them.
        state_dtype: The dtype of the state; the parameters' where None.
        cuts: For each tensor the sizes of its segments; one segment where None.
    """

    def __init__(
        self,
        name: str,
        params: Sequence[Tensor],
        settings: Sequence[Settings],
        backend: str,
        *,
        state_dtype: torch.dtype | None = None,
        cuts: Sequence[Sequence[int]] | None = None,
    ) -> None:
        family = ALGORITHMS[name]
        full = [{**family.defaults, **given} for given in settings]
        self.rule = family.of(full[0])
        self.run = BACKENDS[backend]
        sizes = [[param.numel()] for param in params] if cuts is None else cuts
        tensor_of = np.repeat(np.arange(len(params)), [len(parts) for parts in sizes])
        starts = [start for parts in sizes for start in np.cumsum([0, *parts[:-1]])]
        counts = np.array([part for parts in sizes for part in parts], dtype=np.int64)
        flat = [{**unpack(full[tensor]), **dict.fromkeys(self.rule.scalars, 1.0)} for tensor in tensor_of]
        self.batch = Batch(
            algorithm=self.rule,
            params=list(params),
            grads=[],
            states=[
                [
                    torch.full_like(param, float(given.get(family.starts.get(key, ""), 0)), dtype=state_dtype)
                    for param, given in zip(params, full, strict=True)
                ]
                for key in self.rule.states
            ],
            starts=np.array(starts, dtype=np.int64),
            counts=counts,
            tensor_of=tensor_of,
            hypers=np.array([[float(one[key]) for key in self.rule.hypers] for one in flat]),
            steps=np.zeros(len(counts)),
            chunks=plan_chunks(counts),
        )

    def step(self, grads: Sequence[Tensor]) -> None:
        """One step, as an optimizer would do it."""
        self.batch.grads = list(grads)
        self.batch.steps += 1
        self.run(self.batch)
        if self.rule.advance is not None:
            for row, step in zip(self.batch.hypers, self.batch.steps, strict=True):
                row[-len(self.rule.scalars) :] = self.rule.advance(float(step), *row.tolist())

    def sum_up(self) -> np.ndarray[Any, Any]:
        """Have statistics from now on."""
        self.batch.statistics = np.full((len(self.batch.counts), STATISTICS), math.nan)
        return self.batch.statistics


class Lion(torch.optim.Optimizer):
    """Lion as its paper writes it, in the loop form of torch's optimizers."""

    def __init__(self, params: Any, lr: float = 1e-4, **settings: Any) -> None:
        super().__init__(params, {**ALGORITHMS["lion"].defaults, "lr": lr, **settings})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step."""
        assert closure is None
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for param in group["params"]:
                moment = self.state[param].setdefault("exp_avg", torch.zeros_like(param))
                direction = (beta1 * moment + (1 - beta1) * param.grad).sign()
                param.sub_(group["lr"] * (direction + group["weight_decay"] * param))
                moment.copy_(beta2 * moment + (1 - beta2) * param.grad)


CLASSES: dict[str, Any] = {
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "lion": Lion,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


def torch_twin(name: str, params: Sequence[Tensor], settings: Sequence[Settings]) -> torch.optim.Optimizer:
    """Torch's own optimizer of copies of these tensors, one group for each."""
    copies = [torch.nn.Parameter(param.clone()) for param in params]
    groups = [{"params": [copy], **given} for copy, given in zip(copies, settings, strict=True)]
    how = {} if name == "lion" else {"foreach": False}
    # Adagrad reads the start of its sums from its own arguments alone, not from its groups
    twin: torch.optim.Optimizer = CLASSES[name](groups, **{**settings[0], "lr": 1e-3, **how})
    return twin


def parameters(twin: torch.optim.Optimizer) -> list[Tensor]:
    """A twin's tensors, in the order of its groups."""
    return [param for group in twin.param_groups for param in group["params"]]


def step_twin(twin: torch.optim.Optimizer, grads: Sequence[Tensor]) -> None:
    """One step of a twin with these gradients."""
    for param, grad in zip(parameters(twin), grads, strict=True):
        param.grad = grad.clone()
    twin.step()


def assert_close(found: Sequence[Tensor], wanted: Sequence[Tensor], within: float) -> None:
    """Whether tensors agree, relative to the largest number of each."""
    for one, other in zip(found, wanted, strict=True):
        size = float(other.detach().abs().max()) if other.numel() else 0.0
        torch.testing.assert_close(one.double(), other.detach().double(), rtol=within, atol=within * size)
