"""What each of two processes finds that Lightning trains in."""

import os
import warnings
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import torch
import torch.distributed as dist

import paramgroups as pg
from tests.integrations.lightning_modules import (
    CUT,
    L,
    Net,
    RecipeCallback,
    TorchElasticEnvironment,
    saving,
    scheduler_of,
    weights,
)
from tests.run.distributed.processes import Scenario

RECIPE = pg.Recipe(
    optimizer="adamw",
    lr=1e-2,
    schedule=pg.schedules.cosine(),
    rules=[pg.rule("head", lr_scale=10, group="head"), pg.rule("backbone", trainable=False, until=5)],
    controllers=[CUT],
)


def fit(folder: Path, module: Net, **options: Any) -> L.Trainer:
    """A fit in both processes, as torchrun tells them of each other."""
    rank, count = str(dist.get_rank()), str(dist.get_world_size())
    os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ |= {
        "GROUP_RANK": "0",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "0",
        "TORCHELASTIC_RUN_ID": "0",
    }
    fitting = saving(
        folder,
        devices=2,
        strategy=L.strategies.DDPStrategy(process_group_backend="gloo"),
        plugins=[TorchElasticEnvironment()],
        max_epochs=4,
        limit_val_batches=1,
        callbacks=[RecipeCallback()],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a host says of itself is tested elsewhere
        fitting.fit(module, **options)
    return fitting


def trained() -> dict[str, Any]:
    """Through a window, and once more from a checkpoint within it."""
    folder = Path(gettempdir()) / f"lightning_{os.getppid()}"
    module, again = Net(RECIPE, backend="torch"), Net(RECIPE, backend="torch")
    start = weights(module)
    fitting = fit(folder, module)
    fit(folder, again, ckpt_path=folder / "3.ckpt")
    early = torch.load(folder / "3.ckpt", weights_only=False)["state_dict"]
    scheduler = scheduler_of(fitting)
    return {
        "whole": weights(module),
        "again": weights(again),
        "still": [name for name, tensor in early.items() if torch.equal(tensor, start[name])],
        "ticks": scheduler.last_epoch,
        "planned": scheduler.plan.horizon.ticks,
        "cuts": [event.step for event in scheduler.journal if event.action == "scale"],
    }


SCENARIOS: dict[str, Scenario] = {"trained": trained}
