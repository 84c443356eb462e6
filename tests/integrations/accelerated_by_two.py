"""What each of two processes finds that Accelerate trains in."""

import os
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import torch
import torch.distributed as dist
from accelerate import DataLoaderConfiguration, DistributedType, FullyShardedDataParallelPlugin
from torch.nn.parallel import DistributedDataParallel

import paramgroups as pg
from paramgroups.integrations.accelerate import prepare
from tests.integrations.accelerated import accelerator_of, loader_of, recipe, started, train
from tests.run.distributed.processes import Scenario
from tests.run.distributed.training import network, whole
from tests.run.models import net


def meet(**options: Any) -> Any:
    """An accelerator of both processes, as `accelerate launch` tells them of each other."""
    rank, count = str(dist.get_rank()), str(dist.get_world_size())
    os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    return accelerator_of(**options)


def trained(each: int = 1, **loading: Any) -> dict[str, Any]:
    """Two epochs through a window."""
    config = DataLoaderConfiguration(**loading)
    accelerator = meet(gradient_accumulation_steps=each, dataloader_config=config)
    made = started(accelerator, epochs=2, backend="torch")
    stem, still = made[0].module.stem[0].weight, []
    before = [stem.detach().clone()]

    def look() -> None:
        still.append(torch.equal(stem, before[-1]))
        before.append(stem.detach().clone())

    train(accelerator, made, each=look)
    train(accelerator, made, each=look)
    model, optimizer, scheduler, _ = made
    scheduler.scale("head", 0.5)
    errors = [one.code for one in pg.audit(model, optimizer, scheduler) if one.severity == "error"]
    return {
        "whole": whole(model), "ticks": scheduler.last_epoch, "planned": scheduler.plan.horizon.ticks,
        "still": still, "wrapped": isinstance(model, DistributedDataParallel), "errors": errors,
        "groups": [group["param_names"] for group in optimizer.param_groups], "rates": scheduler.rates,
    }  # fmt: skip


def resumed() -> dict[str, Any]:
    """Stopped after two updates, within the window, and gone on from there; beside a run in one piece."""
    accelerator = meet()
    made = started(accelerator, backend="torch")
    train(accelerator, made)
    unbroken = whole(made[0])
    accelerator = meet()
    made = started(accelerator, backend="torch")
    train(accelerator, made, [batch for batch, _ in zip(made[3], range(2), strict=False)])
    folder = Path(gettempdir()) / f"accelerated-{os.getppid()}"
    accelerator.save_state(str(folder))
    accelerator.wait_for_everyone()
    accelerator = meet()
    made = started(accelerator, backend="torch")
    accelerator.load_state(str(folder))
    ticks = made[2].last_epoch
    train(accelerator, made, accelerator.skip_first_batches(made[3], 2))
    return {"unbroken": unbroken, "whole": whole(made[0]), "ticks": ticks}


def prepared_plainly(**loading: Any) -> int | float:
    """By Accelerate's own `prepare`."""
    accelerator = meet(dataloader_config=DataLoaderConfiguration(**loading))
    model = net()
    optimizer, scheduler = pg.build(pg.plan(model, recipe(), steps=100), backend="torch")
    made = accelerator.prepare(model, optimizer, scheduler, loader_of(rows=96, batch=4))
    train(accelerator, made)
    return scheduler.last_epoch


def sharded() -> dict[str, Any]:
    """By `fully_shard`, which replaces all parameters; Accelerate chooses it on GPUs alone."""
    accelerator = meet()
    accelerator.state.distributed_type = DistributedType.FSDP
    accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2, auto_wrap_policy="no_wrap", cpu_ram_efficient_loading=False
    )
    model = network().float()
    plan = pg.plan(model, recipe(), steps=8)
    loader = accelerator.prepare(loader_of())
    made = prepare(accelerator, plan, model, loader, backend="torch")
    still = []
    for batch in list(loader)[:4]:
        before = whole(made[0])
        train(accelerator, made, [batch])
        after = whole(made[0])
        still.append(
            sorted({name.split(".")[0] for name in before if torch.equal(before[name], after[name])})
        )
    return {
        "whole": after,
        "still": still,
        "ticks": made[2].last_epoch,
        "kind": type(made[0].head.weight).__name__,
    }


SCENARIOS: dict[str, Scenario] = {
    "default": trained,
    "accumulated": partial(trained, each=2),
    "split": partial(trained, split_batches=True),
    "dispatched": partial(trained, dispatch_batches=True),
    "resumed": resumed,
    "plain": prepared_plainly,
    "plain, split": partial(prepared_plainly, split_batches=True),
    "sharded": sharded,
}
