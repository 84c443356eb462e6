"""A run whose processes may be killed in the middle of a step, and that goes on from its last save.

Started by tests as a program: `python -m tests.run.distributed.killed RANK RANKS FOLDER KILL_AT`.
"""

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import paramgroups as pg
from paramgroups.control import plateau
from tests.run.distributed import training

EVERY = 3
"""So many steps are between two saves."""
PATIENCE = timedelta(seconds=60)
"""How long one waits for a message on a busy machine; that a process is gone is told at once."""
STEPS = 10


def main(rank: int, ranks: int, folder: Path, kill_at: int) -> None:
    """Train from the last save to the end; the last process ends itself where it is asked to."""
    torch.set_num_threads(1)
    where = f"file://{folder}/meeting {kill_at}"
    dist.init_process_group("gloo", init_method=where, rank=rank, world_size=ranks)
    wrapped, optimizer, scheduler = _run()
    saved = folder / "last.pt"
    first = _load(saved, wrapped, optimizer, scheduler) if saved.exists() else 0
    for step in range(first, STEPS):
        optimizer.zero_grad()
        loss = training.loss_at(wrapped, step)
        loss.backward()
        optimizer.step()
        if step == kill_at and rank == ranks - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        scheduler.observe(loss=loss)
        scheduler.step()
        if rank == 0 and step % EVERY == EVERY - 1:
            _save(saved, step + 1, wrapped, optimizer, scheduler)
    torch.save(training.whole(wrapped), folder / f"end {rank}.pt")
    dist.destroy_process_group()


def _run() -> tuple[DistributedDataParallel, pg.Optimizer, pg.Scheduler]:
    model = training.network()
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.02,
        schedule=pg.schedules.cosine(),
        rules=[*training.THROUGH, pg.rule("head", lr_scale=2, group="head")],
        controllers=[plateau("head", "loss", patience=0)],
    )
    plan = pg.plan(model, recipe, steps=STEPS)
    wrapped = DistributedDataParallel(model, process_group=dist.new_group(timeout=PATIENCE))
    return wrapped, *training.build(plan, model=wrapped)


def _save(path: Path, step: int, model: torch.nn.Module, *driven: pg.Optimizer | pg.Scheduler) -> None:
    """The old file or the new one, whole."""
    beside = path.with_suffix(".new")
    torch.save([step, model.state_dict(), *(one.state_dict() for one in driven)], beside)
    beside.replace(path)


def _load(path: Path, model: torch.nn.Module, *driven: pg.Optimizer | pg.Scheduler) -> int:
    step, values, *states = torch.load(path, weights_only=True)
    model.load_state_dict(values)
    for one, state in zip(driven, states, strict=True):
        one.load_state_dict(state)
    return int(step)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
