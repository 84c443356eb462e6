"""How long a step of AdamW takes where parameters are spread over two processes by `fully_shard`.

Two processes with gloo between them, a thread in each. All contenders step the same shards, with the same
gradients and moments, and take turns; before each step the processes wait for each other, untimed, and what
counts is the slower of the two. A ratio is the median over the rounds of one's time by the other's in the
same round. With statistics on, ours sums them over the processes: one message a step.

Run: `python -m benchmarks.sharded_step`. The results are kept in `benchmarks/results/sharded_step.json`.
With `--quick` it is a trial of a minute, on the small models, and keeps nothing.
"""

import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.multiprocessing.spawn import spawn

from benchmarks.claims import FUSED, OURS, PLAIN, Claim, claimed, tell_claims
from benchmarks.contenders import LARGEST, Held, clipped, our_adamw, torch_adamw
from benchmarks.measure import Times, Turn, medians, paired, save, settled, show
from benchmarks.optimizer_step import Effort, counts_of
from benchmarks.shapes import MODELS, Shapes

RANKS = 2
EACH, AGAIN = "torch fused, a rate each", f"{FUSED}, again"
OUR_CLIPPED, THEIR_CLIPPED = "ours, a rate each, clipped", f"{FUSED}, clipped"

FULL = {"1,000 x 1,000": Effort(15, 3), "MiniLM-L6": Effort(21, 1), "BERT-base": Effort(11, 1)}
QUICK = {"1,000 x 1,000": Effort(3, 2), "MiniLM-L6": Effort(3, 1)}
FAST = 1.1
CLAIMS = tuple(
    Claim("ours with a rate each / torch fused with one rate", model, (OURS,), FUSED, FAST) for model in FULL
)


class Tensors(nn.Module):
    """Parameters of these shapes."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.each = nn.ParameterList(torch.randn(shape) * 0.02 for shape in shapes)


def held_of(shapes: Shapes) -> Held:
    """This process's shards of such parameters, as `fully_shard` cuts them."""
    model = Tensors(shapes)
    mesh = dist.device_mesh.init_device_mesh("cpu", (dist.get_world_size(),))
    fully_shard(model, mesh=mesh)
    return Held.holding(list(model.parameters()))


def contenders(held: Held, often: int) -> dict[str, Turn]:
    """All that take turns."""
    fused = torch_adamw("torch fused")
    steps: dict[str, Callable[[], Any]] = {
        FUSED: held.optimizer(fused, 1).step,
        AGAIN: held.optimizer(fused, 1).step,
        EACH: held.optimizer(fused).step,
        OURS: held.optimizer(our_adamw()).step,
        PLAIN: held.optimizer(our_adamw(statistics=False)).step,
        OUR_CLIPPED: held.optimizer(our_adamw(clip_norm=LARGEST)).step,
    }
    steps[THEIR_CLIPPED] = partial(clipped, held, steps[FUSED])
    return {name: Turn(step, dist.barrier, often) for name, step in steps.items()}


def slowest(times: Times) -> Times:
    """Of each turn what the slower process took."""
    found = torch.tensor(list(times.values()), dtype=torch.float64)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return dict(zip(times, found.tolist(), strict=True))


def stepped(name: str, effort: Effort) -> Times:
    """The times of all contenders on a model."""
    torch.manual_seed(dist.get_rank())
    return slowest(settled(contenders(held_of(MODELS[name]()), effort.often), effort.rounds))


def work(rank: int, folder: str, efforts: Mapping[str, Effort]) -> None:
    """What one of the processes does; the first leaves the times in the folder."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "DTensor random operators")  # any numbers will do
    where = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=where, rank=rank, world_size=RANKS)
    found = {name: stepped(name, effort) for name, effort in efforts.items()}
    if rank == 0:
        torch.save(found, Path(folder) / "times.pt")
    dist.destroy_process_group()


def measured(efforts: Mapping[str, Effort]) -> dict[str, Any]:
    """All that is measured."""
    with TemporaryDirectory() as folder:
        spawn(work, (folder, efforts), RANKS)
        times: dict[str, Times] = torch.load(Path(folder) / "times.pt", weights_only=True)
    return {
        "processes": RANKS,
        "counts": {name: counts_of(name) for name in times},
        "claims": list(claimed(times, CLAIMS)),
        "median seconds": {name: medians(found) for name, found in times.items()},
        "ratios to torch fused, one rate": {
            name: {told: paired(found, told, FUSED) for told in found} for name, found in times.items()
        },
    }


def main() -> None:
    """Measure, print, and keep the results unless it is a trial."""
    quick = "--quick" in sys.argv
    found = measured(QUICK if quick else FULL)
    for part in ("median seconds", "ratios to torch fused, one rate"):
        show(**{f"{name}, {part}": told for name, told in found[part].items()})
    tell_claims(found["claims"])
    if not quick:
        path = save("sharded_step", found)
        print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
