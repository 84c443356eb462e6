"""What the tests of rules and backends share: batches that are stepped as an optimizer would."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.backends import Backend, Batch, cpu, plan_chunks, reference
from paramgroups.optim.backends.batch import Floats
from paramgroups.optim.hyperparameters import unpack
from tests.optim.backends.twins import TWINS

Settings = Mapping[str, Any]
BACKENDS: dict[str, Backend] = {"reference": reference, "cpu": cpu}

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
    "lamb": ("lamb", {"weight_decay": 0.1}),
    "lamb, no decay": ("lamb", {"betas": (0.5, 0.7), "maximize": True}),
    "lars": ("lars", {"weight_decay": 0.1, "maximize": True}),
    "lars, no decay": ("lars", {"momentum": 0.0, "trust_coefficient": 0.1}),
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
        self.backend = BACKENDS[backend]
        self.sums: Floats = np.zeros((0, 0))
        sizes = [[param.numel()] for param in params] if cuts is None else cuts
        tensor_of = np.repeat(np.arange(len(params)), [len(parts) for parts in sizes])
        starts = [start for parts in sizes for start in np.cumsum([0, *parts[:-1]])]
        counts = np.array([part for parts in sizes for part in parts], dtype=np.int64)
        ones = dict.fromkeys((*self.rule.scalars, "trust"), 1.0)
        flat = [{**unpack(full[tensor]), **ones} for tensor in tensor_of]
        self.batch = Batch(
            algorithm=self.rule,
            dtypes=(
                params[0].dtype,
                params[0].dtype,
                *[state_dtype or params[0].dtype] * len(self.rule.states),
            ),
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

    def given(self, grads: Sequence[Tensor | None]) -> Batch:
        """The batch as it is handed over with these gradients."""
        kind = next((grad.dtype for grad in grads if grad is not None), self.batch.dtypes[0])
        self.batch.dtypes = (self.batch.dtypes[0], kind, *self.batch.dtypes[2:])
        self.batch.grads = list(grads)
        return self.batch

    def step(self, grads: Sequence[Tensor | None]) -> Floats:
        """One step, as an optimizer would do it; its sums, if the batch wants them."""
        batch = self.given(grads)
        batch.steps += 1
        self._trust()
        self.sums = told(self.backend.step(batch))
        if self.rule.advance is not None:
            scalars = self.rule.advance(batch.steps, *batch.hypers.T)
            batch.hypers[:, -len(scalars) :] = np.stack(scalars, axis=1)
        return self.sums

    def _trust(self) -> None:
        """Fill in the ratio of each tensor, from a rehearsal at a rate and a trust of 1."""
        batch, rule = self.batch, self.rule
        if rule.trust is None:
            return
        rate, last = rule.hypers.index("lr"), rule.hypers.index("trust")
        rates = batch.hypers[:, rate].copy()
        batch.hypers[:, [rate, last]] = 1.0
        sums = told(self.backend.rehearse(batch))
        batch.hypers[:, rate] = rates
        for tensor in np.unique(batch.tensor_of):
            mine = batch.tensor_of == tensor
            row = batch.hypers[mine][0].tolist()
            batch.hypers[mine, last] = rule.trust(*sums[mine].sum(0)[:3].tolist(), *row)

    def rehearse(self, grads: Sequence[Tensor | None]) -> Floats:
        """What the next step would sum."""
        self.given(grads).steps += 1
        sums = told(self.backend.rehearse(self.batch))
        self.batch.steps -= 1
        return sums

    def measure(self, grads: Sequence[Tensor | None]) -> Floats:
        """The sums of gradients alone."""
        return told(self.backend.measure(self.given(grads)))


def told(sums: Any) -> Floats:
    """Sums as numbers of their own; none where none were taken."""
    return np.zeros((0, 0)) if sums is None else np.array(sums)


CLASSES: dict[str, Any] = {
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
    **TWINS,
}


def torch_twin(name: str, params: Sequence[Tensor], settings: Sequence[Settings]) -> torch.optim.Optimizer:
    """Torch's own optimizer of copies of these tensors, one group for each."""
    copies = [torch.nn.Parameter(param.clone()) for param in params]
    groups = [{"params": [copy], **given} for copy, given in zip(copies, settings, strict=True)]
    how = {} if name in TWINS else {"foreach": False}
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
