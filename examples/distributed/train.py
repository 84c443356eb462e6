"""Train with parameters spread over several processes, stop, and go on with another number of them.

    torchrun --nproc-per-node 2 examples/distributed/train.py --stop-after 30
    torchrun --nproc-per-node 4 examples/distributed/train.py

Each process has a part of every tensor, of its gradient and of what the optimizer remembers of it. The plan
is made before the model is spread, of whole tensors; `pg.build` binds it to what is there afterwards.
`pg.save` writes one file of whole tensors, and `pg.load` reads in each process what its parts are: so any
number of processes may go on. The second command above ends with the numbers that two processes would have
come to, to rounding, and that one process would have.

The network has group norms. Batch norms would take their statistics from each process's own images, and what
is learned would depend on the number of processes.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import cosine, warmup

STEPS, BATCH = 60, 64
RECIPE = pg.Recipe(
    optimizer="adamw",
    lr=0.01,
    weight_decay=0.05,
    schedule=warmup("10%").then(cosine(end=0.05)),
    rules=[
        pg.rule("stem | blocks.0", lr_scale=0.25),
        pg.rule("blocks.1", lr_scale=0.5),
        pg.rule(":norm | :bias", weight_decay=0.0),
        pg.rule("stem", trainable=False, until="20%"),
    ],
)


class Images(NamedTuple):
    """Scans, (n, 1, 8, 8), and the digits that they show, (n,)."""

    pixels: Tensor
    digits: Tensor


def block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Convolution, group norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.GroupNorm(4, outputs), nn.ReLU()
    )


class Network(nn.Module):
    """Images to scores of the ten digits, (n, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(1, 8, 1)
        self.blocks = nn.Sequential(block(8, 16, 2), block(16, 32, 2))
        self.head = nn.Linear(32, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores of the digits."""
        scores: Tensor = self.head(self.blocks(self.stem(pixels)).mean(dim=(2, 3)))
        return scores


def images() -> tuple[Images, Images]:
    """Three quarters to learn from, one to test on."""
    data = load_digits()
    pixels = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
    digits = torch.tensor(data.target)
    held = torch.arange(len(digits)) % 4 == 0
    return Images(pixels[~held], digits[~held]), Images(pixels[held], digits[held])


def share(data: Images, step: int) -> Images:
    """This process's part of the batch of a step: which images that has follows from the step alone."""
    chosen = torch.randperm(len(data.digits), generator=torch.Generator().manual_seed(step))[:BATCH]
    mine = chosen[dist.get_rank() :: dist.get_world_size()]
    return Images(data.pixels[mine], data.digits[mine])


def spread(model: Network) -> Network:
    """Spread the parameters over all processes, block by block."""
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for part in (model.stem, *model.blocks, model.head, model):
        fully_shard(part, mesh=mesh)
    return model


@torch.no_grad()
def tested(model: nn.Module, data: Images) -> tuple[float, float]:
    """The loss, and the share of the images whose digit is told rightly; all processes compute it."""
    scores = model(data.pixels)
    right = (scores.argmax(1) == data.digits).float().mean()
    return float(cross_entropy(scores, data.digits)), float(right)


def train(path: Path, stop_after: int) -> None:
    """Train from the checkpoint, or from the start where there is none; leave one where it stops."""
    torch.manual_seed(0)
    learned, unseen = images()
    model = Network()
    plan = pg.plan(model, RECIPE, steps=STEPS)
    optimizer, scheduler = pg.build(plan, spread(model))
    if path.exists():
        pg.load(path, model=model, optimizer=optimizer, scheduler=scheduler)
    tell(f"{dist.get_world_size()} processes, from step {scheduler.last_epoch}")
    for step in range(scheduler.last_epoch, stop_after):
        data = share(learned, step)
        cross_entropy(model(data.pixels), data.digits).backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    path.parent.mkdir(parents=True, exist_ok=True)
    pg.save(path, model=model, optimizer=optimizer, scheduler=scheduler)
    loss, right = tested(model, unseen)
    tell(f"step {scheduler.last_epoch}: loss {loss:.4f}, accuracy {right:.3f} on unseen images")


def tell(what: object) -> None:
    """Print it once."""
    if dist.get_rank() == 0:
        print(what)


def main() -> None:
    """Read the command line, and train."""
    asked = argparse.ArgumentParser(description="Train sharded over the processes that torchrun starts.")
    asked.add_argument("--checkpoint", type=Path, default=Path("runs/sharded.safetensors"), help="its file")
    asked.add_argument("--stop-after", type=int, default=STEPS, help=f"updates in all; at most {STEPS}")
    given = asked.parse_args()
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    try:
        train(given.checkpoint, given.stop_after)
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
