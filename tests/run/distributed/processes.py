"""Real processes with gloo between them, and what each of them has found."""

import multiprocessing
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

RANKS = 2
PATIENCE = timedelta(seconds=60)
"""How long one waits for the other: a process that hangs is an error."""

PRELOADED = ["torch._dynamo", "torch.distributed.checkpoint", "torch.distributed.fsdp", "paramgroups.run"]
"""What one process imports, of which all others are forks: it would take each of them five seconds."""

Scenario = Callable[[], Any]


def found_by(scenarios: Mapping[str, Scenario], folder: Path, ranks: int = RANKS) -> dict[str, list[Any]]:
    """What each scenario returns, or the text of what it raises, by its name and the rank.

    The same processes go through all of them: to start them takes most of the time.
    """
    multiprocessing.set_forkserver_preload(PRELOADED)
    start_processes(_work, (scenarios, str(folder), ranks), ranks, start_method="forkserver")
    each = [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(ranks)]
    return {name: [found[name] for found in each] for name in scenarios}


def _work(rank: int, scenarios: Mapping[str, Scenario], folder: str, ranks: int) -> None:
    torch.set_num_threads(1)
    where = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=where, rank=rank, world_size=ranks, timeout=PATIENCE)
    found: dict[str, Any] = {}
    for name, scenario in scenarios.items():
        try:
            found[name] = scenario()
        except Exception as error:  # noqa: BLE001  # it is told to the test
            found[name] = f"{type(error).__name__}: {error}\n{traceback.format_exc()[-1500:]}"
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
