"""Runs on several processes that are saved by all of them, and go on on another number."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import paramgroups as pg
from paramgroups.indexing import named_parameters
from tests.run.distributed.processes import Scenario
from tests.run.distributed.training import Plain, Values, build, loss_at, network, whole

STEPS, STOP = 12, 5
Run = tuple[nn.Module, Any, pg.Scheduler]


def fully(model: Plain) -> nn.Module:
    mesh = dist.device_mesh.init_device_mesh("cpu", (dist.get_world_size(),))
    for part in (model.stem, model.block, model.head, model):
        fully_shard(part, mesh=mesh)
    return model


def bare(model: Plain) -> nn.Module:
    return model


WRAPPINGS: dict[str, Callable[[Plain], nn.Module]] = {
    "ddp": DistributedDataParallel,
    "fully_shard": fully,
    "bare": bare,
}


def started(wrapping: str, seed: float = 0.0) -> Run:
    model = network()
    with torch.no_grad():
        for param in model.parameters():
            param.add_(seed)
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.02,
        weight_decay=0.1,
        schedule=pg.schedules.cosine(),
        rules=[pg.rule("head", lr_scale=3, group="head"), pg.rule("stem", trainable=False, until=3)],
        controllers=[pg.control.plateau("head", "val_loss", patience=0)],
    )
    plan = pg.plan(model, recipe, steps=STEPS)
    wrapped = WRAPPINGS[wrapping](model)
    return wrapped, *build(plan, wrapped)


def trained(run: Run, steps: range) -> Run:
    model, optimizer, scheduler = run
    for step in steps:
        model.train()
        optimizer.zero_grad()
        loss_at(model, step).backward()
        optimizer.step()
        scheduler.observe(val_loss=1.0)
        if step == 1:
            scheduler.scale("head", 0.5)
        scheduler.step()
    return run


def memory(run: Run) -> Values:
    """What the optimizer remembers, by name, whole."""
    tensors = dict(named_parameters(run[0]))
    return {
        f"{name}/{key}": (one.full_tensor() if hasattr(one, "full_tensor") else one).clone()
        for name, param in tensors.items()
        for key, one in run[1].state.get(param, {}).items()
    }


def told(run: Run) -> dict[str, Any]:
    return {
        "whole": whole(run[0]),
        "memory": memory(run),
        "rates": run[2].rates,
        "journal": [event.data for event in run[2].journal],
    }


def save(folder: str, wrapping: str) -> dict[str, Any]:
    """Train, save, and go on as if nothing had been."""
    run = trained(started(wrapping), range(STOP))
    pg.save(Path(folder, wrapping), model=run[0], optimizer=run[1], scheduler=run[2])
    there = told(run)
    return {"there": there, "end": told(trained(run, range(STOP, STEPS)))}


def load(folder: str, wrapping: str, saved_by: str) -> dict[str, Any]:
    """Go on from what others have saved."""
    run = started(wrapping, seed=0.5)
    pg.load(Path(folder, saved_by), model=run[0], optimizer=run[1], scheduler=run[2])
    there = told(run)
    return {"there": there, "end": told(trained(run, range(STOP, STEPS)))}


def alone(folder: str) -> tuple[list[str], dict[str, Any]]:
    """Each rank in turn saves what all have whole, while the other does something else; then ZeRO's."""
    run = trained(started("ddp"), range(STOP))
    written = []
    for rank in range(dist.get_world_size()):
        path = Path(folder, f"alone.{rank}")
        if dist.get_rank() == rank:
            pg.save(path, model=run[0], optimizer=run[1], scheduler=run[2])
        dist.barrier()
        written += [path.name] if path.exists() else []
    return written, told(run)


def zero(folder: str) -> int:
    """An optimizer whose state the first alone has whole, and only there."""
    with warnings.catch_warnings():  # torch warns of itself where this is imported
        warnings.simplefilter("ignore")
        from torch.distributed.optim import ZeroRedundancyOptimizer  # noqa: PLC0415  # as above
    model = DistributedDataParallel(network())
    optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=0.1)
    loss_at(model, 0).backward()
    optimizer.step()
    optimizer.consolidate_state_dict(to=0)
    pg.save(Path(folder, "zero"), model=model, optimizer=optimizer)
    return len(optimizer.state_dict()["state"]) if dist.get_rank() == 0 else 0


def no_folder(folder: str) -> str:
    run = started("fully_shard")
    return _error(lambda: pg.save(Path(folder, "absent", "x"), model=run[0], optimizer=run[1]))


def damaged(folder: str) -> tuple[str, bool]:
    """One byte of a tensor that one rank alone looks at."""
    run = started("fully_shard")
    path = Path(folder, f"damaged.{dist.get_world_size()}")
    pg.save(path, model=run[0])
    if dist.get_rank() == 0:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    dist.barrier()
    before = whole(run[0])
    error = _error(lambda: pg.load(path, model=run[0]))
    after = whole(run[0])
    return error, all(torch.equal(before[name], after[name]) for name in before)


def unlike(folder: str) -> str:
    """A rank that has another model."""
    run = started("fully_shard")
    other = run[0] if dist.get_rank() == 0 else None
    return _error(lambda: pg.save(Path(folder, "x"), model=other, optimizer=run[1]))


def _error(action: Callable[[], object]) -> str:
    try:
        action()
    except pg.ParamGroupsError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def saving(folder: str) -> dict[str, Scenario]:
    return {
        "ddp": partial(save, folder, "ddp"),
        "fully_shard": partial(save, folder, "fully_shard"),
        "alone": partial(alone, folder),
        "zero": partial(zero, folder),
        "no folder": partial(no_folder, folder),
        "damaged": partial(damaged, folder),
        "unlike": partial(unlike, folder),
    }


def loading(folder: str) -> dict[str, Scenario]:
    return {
        f"{one} from {other}": partial(load, folder, one, other)
        for one in ("ddp", "fully_shard")
        for other in ("ddp", "fully_shard")
    } | {"again": partial(save, str(Path(folder, "four")), "fully_shard")}
