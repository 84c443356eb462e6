"""The backend in plain torch: segment by segment, on any device, for any dtype."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paramgroups.optim.algorithms import Algorithm
from paramgroups.optim.backends.batch import STATISTICS, Batch, Sums, computing_dtype
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
def step(batch: Batch) -> Sums | None:
    """Step every segment that has chunks; four sums a segment if the batch wants them."""
    rows = [_step_segment(batch, segment, writes=True) for segment in _segments(batch)]
    return _gathered(batch, rows) if batch.statistics else None


@torch.no_grad()
def rehearse(batch: Batch) -> Sums:
    """The four sums of a step that writes nothing."""
    return _gathered(batch, [_step_segment(batch, segment, writes=False) for segment in _segments(batch)])


@torch.no_grad()
def measure(batch: Batch) -> Sums:
    """Σg² and the count of gradients that are not finite."""
    found = [_numbers(batch, batch.grads, segment) for segment in _segments(batch)]
    return _gathered(batch, [_row([_squares(given)], given) for given in found])


def _segments(batch: Batch) -> list[int]:
    """Those that are stepped."""
    return [int(segment) for segment in np.unique(batch.chunks[:, 0])]


def _step_segment(batch: Batch, segment: int, *, writes: bool) -> list[Tensor]:
    rule, dtype = batch.algorithm, computing_dtype(batch.dtypes)
    written = [_numbers(batch, tensors, segment) for tensors in (batch.params, *batch.states)]
    given = _numbers(batch, batch.grads, segment)
    weight, *states = (numbers.to(dtype) for numbers in written)
    scaled = given.to(dtype) * _scale(batch, segment, dtype)
    constants = rule.prepare(float(batch.steps[segment]), *batch.hypers[segment].tolist())
    results = _compiled(rule)(weight, scaled, *states, *constants)
    wanted = batch.statistics or not writes
    row = _row([_squares(each) for each in (given, weight, results[0] - weight)], given) if wanted else []
    for numbers, result in zip(written if writes else [], results, strict=False):
        numbers.copy_(
            result if batch.gates is None else torch.where(batch.gates[segment] < 0, numbers, result)
        )
    return row if batch.gates is None else [torch.where(batch.gates[segment] < 0, 0.0, one) for one in row]


def _scale(batch: Batch, segment: int, dtype: torch.dtype) -> Tensor | float:
    if batch.gates is not None:
        return batch.gates[segment].to(dtype)
    return 1.0 if batch.scales is None else float(batch.scales[segment])


def _numbers(batch: Batch, tensors: Sequence[Tensor | None], segment: int) -> Tensor:
    """One segment of its tensor, as a view."""
    start, count = int(batch.starts[segment]), int(batch.counts[segment])
    tensor: Any = tensors[int(batch.tensor_of[segment])]  # there, as the segment has chunks
    view: Tensor = tensor.detach().view(-1)
    return view[start : start + count]


def _wide(device: torch.device) -> torch.dtype:
    """What sums are taken in; Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def _squares(numbers: Tensor) -> Tensor:
    return numbers.to(_wide(numbers.device)).square().sum()


def _row(squares: list[Tensor], given: Tensor) -> list[Tensor]:
    """The sums, 0 for those that were not taken, and the count of gradients that are not finite."""
    none = torch.zeros_like(squares[0])
    missing = [none] * (STATISTICS - 1 - len(squares))
    return [*squares, *missing, (~given.isfinite()).sum().to(none.dtype)]


def _gathered(batch: Batch, rows: list[list[Tensor]]) -> Sums:
    """One row a segment: numbers on the CPU, elsewhere a tensor that nobody has waited for."""
    segments = _segments(batch)
    if not segments:
        return np.zeros((len(batch.counts), STATISTICS))
    found = torch.stack([torch.stack(row) for row in rows])
    sums = found.new_zeros((len(batch.counts), STATISTICS))
    sums[torch.as_tensor(segments, device=sums.device)] = found
    return sums.numpy() if sums.device.type == "cpu" else sums
