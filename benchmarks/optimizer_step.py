"""How long a step of AdamW takes: a rate of its own for every tensor, beside torch's three forms and others.

All contenders step the same parameters, with the same gradients and moments, and take turns in one process;
ratios are medians of what the rounds gave. Beside them stands the memory floor: the bytes that AdamW moves
for each number, at the bandwidth of an in-place `add_` over a large tensor.

Run: `python -m benchmarks.optimizer_step`. The results are kept in `benchmarks/results/optimizer_step.json`.
With `--quick` it is a trial of a minute, on few models, and keeps nothing.
"""

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from benchmarks import first_step
from benchmarks.claims import OURS, claimed, tell_claims
from benchmarks.contenders import (
    FLOOR,
    LARGE,
    Held,
    contenders,
    our_adamw,
    peers,
    torch_adamw,
    variants,
)
from benchmarks.measure import Times, Turn, medians, paired, save, settled, show
from benchmarks.peers import PEERS, WITHOUT
from benchmarks.shapes import MODELS, thousand

BYTES, ADDED = 28, 8
"""Bytes that AdamW and that `add_` move for each number in float32."""
MANY, FEW = 10_000, 1_000
"""Tensors of one number; few in a trial, as torch takes 12 seconds to add 10,000 groups."""


class Effort(NamedTuple):
    """How often a model is stepped: rounds, and steps in a turn."""

    rounds: int
    often: int


FULL = {
    "1,000 x 1,000": Effort(21, 20),
    "MiniLM-L6": Effort(21, 1),
    "BERT-base": Effort(11, 1),
    "ViT-L": Effort(7, 1),
    "mixture": Effort(11, 1),
}
QUICK = {"1,000 x 1,000": Effort(3, 2), "MiniLM-L6": Effort(2, 1)}
HOSTED = Effort(11, 3)
ALONE = "torch fused, one rate, before ours was loaded, seconds"
SCALAR = torch.Size([1])
PEERED = ("1,000 x 1,000", "MiniLM-L6")


def stepped(name: str, effort: Effort) -> Times:
    """The times of all contenders on a model, and of its memory floor."""
    held = Held.of(MODELS[name]())
    tasks = contenders(held, torch.zeros(LARGE), effort.often)
    if name in PEERED:
        tasks |= peers(held, effort.often)
    times = dict(settled(tasks, effort.rounds))
    numbers = sum(param.numel() for param in held.params)
    times[FLOOR] = [seconds * BYTES * numbers / (ADDED * LARGE) for seconds in times[FLOOR]]
    return times


def alone(name: str, effort: Effort) -> float:
    """Seconds of torch fused with one rate, alone in the process: to be timed before ours starts threads."""
    held = Held.of(MODELS[name]())
    step = held.optimizer(torch_adamw("torch fused"), 1).step
    return medians(settled({name: Turn(step, often=effort.often)}, effort.rounds))[name]


def varied(effort: Effort) -> Times:
    """The times of a thousand tensors when rates or gradients change."""
    return settled(variants(thousand(), effort.often), effort.rounds)


def hosted(many: int, effort: Effort) -> Times:
    """The times of so many tensors of one number, and of fewer: all but the kernel's share of a step."""
    held, fewer = Held.of([SCALAR] * many), (many // 10, many // 100)
    ones = {count: Held.of([SCALAR] * count) for count in fewer}
    title = f"{many:,} tensors, groups: "
    steps = {
        **{f"{title}{count:,}": held.optimizer(our_adamw(), count) for count in (1, 14, 100, many)},
        f"{title}1, without statistics": held.optimizer(our_adamw(statistics=False), 1),
        f"{title}1, torch fused": held.optimizer(torch_adamw("torch fused"), 1),
        **{f"{count:,} tensors, groups: 1": found.optimizer(our_adamw(), 1) for count, found in ones.items()},
    }
    return settled({name: Turn(made.step, often=effort.often) for name, made in steps.items()}, effort.rounds)


def host_of(times: Times) -> dict[str, float]:
    """Microseconds for each tensor."""
    return {
        name: seconds * 1e6 / int(name.split()[0].replace(",", ""))
        for name, seconds in medians(times).items()
    }


def counts_of(name: str) -> dict[str, int]:
    """How large a model is."""
    shapes = MODELS[name]()
    return {"tensors": len(shapes), "numbers": sum(shape.numel() for shape in shapes)}


def ratios_of(times: Times) -> dict[str, float]:
    """How many times as long as ours with a rate each all the others take."""
    return {name: paired(times, name, OURS) for name in times if name != OURS}


def measured(*, quick: bool) -> dict[str, Any]:
    """All that is measured."""
    efforts = QUICK if quick else FULL
    lone = {name: alone(name, efforts[name]) for name in PEERED}
    times = {name: stepped(name, effort) for name, effort in efforts.items()}
    small = varied(efforts["1,000 x 1,000"])
    host = hosted(*(FEW, QUICK["1,000 x 1,000"]) if quick else (MANY, HOSTED))
    return {
        "gpu": "none measured",
        "bytes a number": BYTES,
        "peers": {name: peer.told for name, peer in PEERS.items()} | WITHOUT,
        "counts": {name: counts_of(name) for name in times},
        "claims": list(claimed(times)),
        "median seconds": {name: medians(found) for name, found in times.items()},
        ALONE: lone,
        "ratios to ours with a rate each": {name: ratios_of(found) for name, found in times.items()},
        "changes, median seconds": medians(small),
        "host, microseconds a tensor": host_of(host),
        "first step, seconds": first_step.measured(),
    }


def tell(found: Mapping[str, Any]) -> None:
    """Print what was measured."""
    ratios = found["ratios to ours with a rate each"]
    show(**{f"{name}, ratio to {OURS}": told for name, told in ratios.items()})
    for name in ("changes, median seconds", "host, microseconds a tensor", "first step, seconds", ALONE):
        show(**{name: found[name]})
    tell_claims(found["claims"])


def main() -> None:
    """Measure, print, and keep the results unless it is a trial."""
    quick = "--quick" in sys.argv
    found = measured(quick=quick)
    tell(found)
    if not quick:
        path = save("optimizer_step", found)
        print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
