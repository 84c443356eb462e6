"""What a process does first that trains by the Trainer beside others."""

import importlib
import os
from pathlib import Path
from typing import Any

import torch.distributed as dist

from tests.support import import_transformers


def run(what: str, folder: Path) -> Any:
    """Train as a process that torchrun has started.

    Args:
        what: The name of a function in `transformers_processes`.
        folder: Where it writes.
    """
    rank = str(dist.get_rank())
    met = {"MASTER_ADDR": "localhost", "MASTER_PORT": "0"}  # asked for, though they have met
    os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "ACCELERATE_USE_CPU": "true"} | met
    import_transformers()
    return getattr(importlib.import_module("tests.integrations.transformers_processes"), what)(folder)
