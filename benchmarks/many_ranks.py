"""What 100,000 tensors on 1,024 ranks cost: planning, building, the host's part of a step, and the messages.

Planning, building and stepping are one rank's work, and need no other: one process plays a rank of 1,024 by
torch's fake process group, whose messages do nothing. What messages take is worked out from what two and four
real processes with gloo between them take for the same bytes here: a latency for each time that a message is
handed on, and a bandwidth.

Run: `python -m benchmarks.many_ranks`. The results are kept in `benchmarks/results/many_ranks.json`.
With `--quick` it is a trial of a minute with a tenth of the tensors, and keeps nothing.
"""

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import DTensor, Shard
from torch.multiprocessing.spawn import spawn
from torch.testing._internal.distributed.fake_pg import FakeStore

import paramgroups as pg
from benchmarks.measure import save, show
from benchmarks.planning import STEPS, Mixture, on_meta, twenty_rules
from paramgroups.optim.sharing import HERE

RANKS = 1_024
LAYERS, EXPERTS = 61, 547
"""With three matrices in each expert: 100,101 tensors."""
WIDTH = 8
ROUNDS = 5

WORDS = 9
"""Numbers in the message of a tick, beside two for each metric."""
NUMBER = 8
"""Bytes of one."""
GROUPS = (1, 30, 1_000, 10_000, 100_101)
OFTEN = 50
REAL = (2, 4)
REAL_TIMES = "real processes, seconds by bytes"


class Constants(NamedTuple):
    """What a message costs.

    Attributes:
        latency: Seconds each time that it is handed on.
        bandwidth: Bytes a second.
    """

    latency: float
    bandwidth: float


def ring(ranks: int, size: float, of: Constants) -> float:
    """Seconds of a sum over all ranks, handed on from each to the next, in as many parts as there are ranks.

    >>> ring(2, 1000.0, Constants(latency=0.5, bandwidth=1000.0))
    2.0
    """
    return 2 * (ranks - 1) * of.latency + 2 * (ranks - 1) / ranks * size / of.bandwidth


def tree(ranks: int, size: float, of: Constants) -> float:
    """The same up and down a binary tree.

    >>> tree(1024, 0.0, Constants(latency=0.5, bandwidth=1000.0))
    10.0
    """
    return 2 * math.ceil(math.log2(ranks)) * (of.latency + size / of.bandwidth)


def statistics_bytes(groups: int) -> int:
    """How large the message of a step is."""
    return NUMBER * (HERE + 1) * groups


def seconds(task: Callable[[], Any]) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def spread(layers: int, experts: int) -> nn.Module:
    """The mixture, each matrix with a row on each of the ranks; every one has a gradient."""
    model = on_meta(Mixture, layers, experts)
    mesh = dist.device_mesh.init_device_mesh("cpu", (RANKS,))

    def here() -> DTensor:
        shape = torch.Size((RANKS, WIDTH))
        return DTensor.from_local(
            torch.ones(1, WIDTH), mesh, [Shard(0)], run_check=False, shape=shape, stride=(WIDTH, 1)
        )

    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight = nn.Parameter(here())
            module.weight.grad = here()
    return model


def alone(layers: int, experts: int, rounds: int) -> dict[str, Any]:
    """What one of the ranks does, but for messages."""
    large, recipe = on_meta(Mixture, layers, experts), twenty_rules()
    planned = [seconds(lambda: pg.plan(large, recipe, steps=STEPS).groups) for _ in range(rounds)]
    dist.init_process_group("fake", rank=RANKS // 2, world_size=RANKS, store=FakeStore())
    try:
        model = spread(layers, experts)
        plan = pg.plan(model, recipe, steps=STEPS)
        made: list[Any] = []
        built = seconds(lambda: made.extend(pg.build(plan, model, together=False)))
        optimizer, scheduler = made
        first = seconds(optimizer.step)
        stepped, ticked = [], []
        for _ in range(rounds):
            ticked.append(seconds(scheduler.step))
            stepped.append(seconds(optimizer.step))
    finally:
        dist.destroy_process_group()
    tensors, groups = 3 * layers * experts, len(plan.groups)
    return {
        "counts": {"tensors": tensors, "groups": groups, "rules": len(recipe.rules), "ranks": RANKS},
        "seconds": {
            "plan (once, on meta)": median(planned),
            "build (once)": built,
            "first step": first,
            "a step, messages left out": median(stepped),
            "a tick, messages left out": median(ticked),
        },
        "microseconds a tensor and step": median(stepped) / tensors * 1e6,
    }


def exchange(rank: int, folder: str, ranks: int, sizes: Sequence[int]) -> None:
    """Sum numbers over real processes; the first leaves the median seconds of each size in the folder."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=ranks)
    found = {}
    for size in sizes:
        numbers, taken = torch.ones(size // NUMBER, dtype=torch.float64), list[float]()
        for _ in range(OFTEN):
            dist.barrier()
            taken.append(seconds(lambda numbers=numbers: dist.all_reduce(numbers)))  # type: ignore[misc]  # of this size
            numbers.fill_(1.0)
        found[str(size)] = median(taken)
    if rank == 0:
        torch.save(found, Path(folder) / "found.pt")
    dist.destroy_process_group()


def exchanged(ranks: int, sizes: Sequence[int]) -> dict[str, float]:
    """The seconds that a sum of so many bytes takes between so many processes here."""
    with TemporaryDirectory() as folder:
        spawn(exchange, (folder, ranks, sizes), ranks)
        found: dict[str, float] = torch.load(Path(folder) / "found.pt", weights_only=True)
    return found


def constants_of(found: Mapping[str, float]) -> Constants:
    """Latency and bandwidth, from what two processes take for the smallest and the largest message.

    >>> constants_of({"40": 0.5, "2000": 2.5})
    Constants(latency=0.25, bandwidth=1000.0)
    """
    (_, least), (size, most) = sorted((int(size), taken) for size, taken in found.items())[:: len(found) - 1]
    return Constants(least / 2, size / (most - least))


def worked_out(of: Constants) -> dict[str, dict[str, float]]:
    """Seconds of each message on 1,024 ranks."""
    sizes = {f"statistics of {groups:,} groups": statistics_bytes(groups) for groups in GROUPS}
    sizes = {"a tick's agreement, one metric": NUMBER * (WORDS + 2), **sizes}
    return {
        name: {"bytes": size, "ring": ring(RANKS, size, of), "tree": tree(RANKS, size, of)}
        for name, size in sizes.items()
    }


def measured(*, quick: bool) -> dict[str, Any]:
    """All that is measured, and what follows from it."""
    sizes = [statistics_bytes(groups) for groups in GROUPS]
    real = {str(ranks): exchanged(ranks, sizes) for ranks in REAL}
    constants = constants_of(real["2"])
    found = alone(LAYERS, EXPERTS // 10 if quick else EXPERTS, 2 if quick else ROUNDS)
    return {
        **found,
        REAL_TIMES: real,
        "constants": constants._asdict(),
        "worked out": worked_out(constants),
    }


def main() -> None:
    """Measure, work out, print, and keep the results unless it is a trial."""
    quick = "--quick" in sys.argv
    found = measured(quick=quick)
    show(counts=found["counts"], seconds=found["seconds"], constants=found["constants"])
    show(**{f"{ranks} processes, bytes": told for ranks, told in found[REAL_TIMES].items()})
    show(**found["worked out"])
    if not quick:
        path = save("many_ranks", found)
        print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
