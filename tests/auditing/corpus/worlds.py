"""A process group of one process, for as long as a set-up is held."""

import weakref
from typing import Any

import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import HashStore
from torch.nn.parallel import DistributedDataParallel


class World:
    """The group; it ends with this object."""

    def __init__(self) -> None:
        dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
        weakref.finalize(self, dist.destroy_process_group)


_ALIVE: "weakref.WeakValueDictionary[str, World]" = weakref.WeakValueDictionary()


def alone(model: nn.Module) -> tuple[World, Any]:
    """The model as the only process of a run sees it."""
    world = _ALIVE.get("world") or World()
    _ALIVE["world"] = world
    return world, DistributedDataParallel(model)
