"""How long the compiled pass takes by itself, without an optimizer around it: AdamW, a rate for every tensor.

Beside torch's fused AdamW with one group and with one a tensor, and beside the memory floor: 28 bytes a
number at the bandwidth of an in-place `add_` over a large tensor.

Run: `python -m benchmarks.kernels`. The results are kept in `benchmarks/results/kernels.json`.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measure import interleaved, save, show
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.backends import Batch, cpu, plan_chunks

BYTES, ADDED = 28, 8
"""Bytes that AdamW and that `add_` move for each number in float32."""
LARGE = 50_000_000
ROUNDS = {"1,000 x 1,000": 15, "MiniLM-L6": 15, "BERT-base": 7}
REPEATS = {"1,000 x 1,000": 10}
"""How often a task runs within its turn: what fits into the cache is timed there, as torch's is."""
WORDS, PLACES, KINDS = 30_522, 512, 2


def bert(width: int, layers: int) -> list[int]:
    """How many numbers each tensor of a BERT has, without its pooler."""
    norm, square, wide = [width, width], [width * width, width], 4 * width
    layer = [*square * 4, *norm, width * wide, wide, wide * width, width, *norm]
    return [WORDS * width, PLACES * width, KINDS * width, *norm, *layer * layers]


def mixtures() -> dict[str, list[int]]:
    """The sizes of all tensors, by what they are of."""
    return {
        "1,000 x 1,000": [1_000] * 1_000,
        "MiniLM-L6": bert(384, 6),
        "BERT-base": bert(768, 12),
    }


def batch_of(params: Sequence[nn.Parameter], *, statistics: bool) -> Batch:
    """A batch with a rate for each of these parameters, which hold their gradients."""
    rule = ALGORITHMS["adamw"].of(ALGORITHMS["adamw"].defaults)
    counts = np.array([param.numel() for param in params])
    rates = np.linspace(1e-6, 1e-5, len(counts))
    hypers = np.stack([np.array([rate, 0.9, 0.999, 1e-8, 0.01, 0.0, 1.0]) for rate in rates])
    return Batch(
        algorithm=rule,
        dtypes=(torch.float32,) * (2 + len(rule.states)),
        params=list(params),
        grads=[param.grad for param in params if param.grad is not None],
        states=[[torch.zeros_like(param) for param in params] for _ in rule.states],
        starts=np.zeros(len(counts), dtype=np.int64),
        counts=counts,
        tensor_of=np.arange(len(counts)),
        hypers=hypers,
        steps=np.full(len(counts), 10.0),
        statistics=statistics,
        chunks=plan_chunks(counts),
    )


def tasks(sizes: Sequence[int], large: Tensor) -> dict[str, Callable[[], Any]]:
    """What is timed: all of them step the same parameters."""
    params = [nn.Parameter(torch.randn(size) * 0.02) for size in sizes]
    for param in params:
        param.grad = torch.randn_like(param) * 1e-3
    plain, told = batch_of(params, statistics=False), batch_of(params, statistics=True)
    told.states = plain.states
    groups = [{"params": [param], "lr": 1e-5} for param in params]
    return {
        "ours, a rate each": partial(cpu.step, plain),
        "ours, with statistics": partial(cpu.step, told),
        "ours, reading pointers": partial(cpu.addresses, plain),
        "torch fused, one group": torch.optim.AdamW(params, lr=1e-5, fused=True).step,
        "torch fused, a group each": torch.optim.AdamW(groups, fused=True).step,
        "add_ over a large tensor": partial(large.add_, 1e-9),
    }


def repeat(task: Callable[[], Any], times: int) -> None:
    """Run a task so often."""
    for _ in range(times):
        task()


def ratios(times: dict[str, float], numbers: int) -> dict[str, float]:
    """What is told of the times."""
    floor = times["add_ over a large tensor"] * BYTES * numbers / (ADDED * LARGE)
    ours, told = times["ours, a rate each"], times["ours, with statistics"]
    return {
        "torch one group / ours": times["torch fused, one group"] / ours,
        "torch a group each / ours": times["torch fused, a group each"] / ours,
        "ours / floor": ours / floor,
        "ours with statistics / floor": told / floor,
        "statistics on / off": told / ours,
        "GB/s of ours": BYTES * numbers / ours / 1e9,
        "GB/s of add_": ADDED * LARGE / times["add_ over a large tensor"] / 1e9,
    }


def first_steps() -> dict[str, float]:
    """Seconds of the first step of a kernel: compiled, or read from Numba's cache on disk."""
    params = [nn.Parameter(torch.zeros(100_000))]
    params[0].grad = torch.zeros(100_000)
    found = {}
    for name, statistics in (("plain", False), ("with statistics", True)):
        start = time.perf_counter()
        cpu.step(batch_of(params, statistics=statistics))
        found[f"first step, {name}"] = time.perf_counter() - start
    return found


def main() -> None:
    """Measure, print and keep the results."""
    large, seconds, told = torch.zeros(LARGE), {"first": first_steps()}, {}
    for name, sizes in mixtures().items():
        timed = tasks(sizes, large)
        for task in timed.values():
            task()
        often = REPEATS.get(name, 1)
        turns = {title: partial(repeat, task, often) for title, task in timed.items()}
        seconds[name] = {key: found / often for key, found in interleaved(turns, ROUNDS[name]).items()}
        told[name] = ratios(seconds[name], sum(sizes))
        show(**{name: seconds[name], f"{name}, ratios": told[name]})
    counts = {name: {"tensors": len(sizes), "numbers": sum(sizes)} for name, sizes in mixtures().items()}
    path = save("kernels", {"counts": counts, "median seconds": seconds, "ratios": told})
    show(first=seconds["first"])
    print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
