"""The backend in plain torch: segment by segment, on any device, for any dtype."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from paramgroups.optim.algorithms import Algorithm
from paramgroups.optim.backends.batch import Batch, computing_dtype
from paramgroups.optim.backends.binding import bind


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`torch.where`, also for a condition on constants."""
    return torch.where(condition, yes, no) if isinstance(condition, Tensor) else (yes if condition else no)


def maximum(one: Tensor, other: Tensor | float) -> Tensor:
    """`torch.maximum`, also with a constant."""
    return torch.maximum(one, torch.as_tensor(other, dtype=one.dtype, device=one.device))


WORDS = {"sqrt": torch.sqrt, "sign": torch.sign, "maximum": maximum, "where": where}


@cache
def _compiled(algorithm: Algorithm) -> Callable[..., tuple[Tensor, ...]]:
    return bind(algorithm.update, WORDS)


@torch.no_grad()
def step(batch: Batch) -> None:
    """Step every segment of a batch.

    Args:
        batch: What to step; its parameters, states and statistics are written.
    """
    for segment in range(len(batch.counts)):
        _step_segment(batch, segment)


def _step_segment(batch: Batch, segment: int) -> None:
    rule, dtype = batch.algorithm, computing_dtype(batch.dtypes)
    written = [_numbers(batch, tensors, segment) for tensors in (batch.params, *batch.states)]
    given = _numbers(batch, batch.grads, segment)
    weight, *states = (numbers.to(dtype) for numbers in written)
    scaled = given.to(dtype) * (1.0 if batch.scales is None else float(batch.scales[segment]))
    constants = rule.prepare(float(batch.steps[segment]), *batch.hypers[segment].tolist())
    results = _compiled(rule)(weight, scaled, *states, *constants)
    if batch.statistics is not None:
        batch.statistics[segment] = _statistics(given, weight, results[0])
    for numbers, result in zip(written, results, strict=True):
        numbers.copy_(result)


def _numbers(batch: Batch, tensors: list[Tensor], segment: int) -> Tensor:
    """One segment of its tensor, as a view."""
    start, count = int(batch.starts[segment]), int(batch.counts[segment])
    return tensors[int(batch.tensor_of[segment])].detach().view(-1)[start : start + count]


def _statistics(given: Tensor, before: Tensor, after: Tensor) -> list[float]:
    squares = [numbers.double().square().sum() for numbers in (given, before, after - before)]
    return [float(total) for total in (*squares, (~given.isfinite()).sum())]
