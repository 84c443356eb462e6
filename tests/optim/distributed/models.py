"""A small model in float64, spread over processes in many ways, and trained on shares of one batch."""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn import functional

ROWS, WIDTH, HIDDEN, CLASSES = 10, 4, 8, 3
BATCH = 8

Values = dict[str, torch.Tensor]
Wrap = Callable[[nn.Module], nn.Module]


class Block(nn.Module):
    """A norm, and two linear layers around it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, HIDDEN)
        self.down = nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(torch.relu(self.up(self.norm(x))))  # type: ignore[no-any-return]  # torch's are untyped


class Model(nn.Module):
    """`embed` of ten rows, `blocks`, `head` of three."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(ROWS, WIDTH)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x).mean(dim=1)
        for block in self.blocks:
            x = block(x)
        return self.head(x)  # type: ignore[no-any-return]  # torch's are untyped


def network(dtype: torch.dtype = torch.float64) -> Model:
    """The same values in all processes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Model().to(dtype)


def mesh_of(*sizes: int) -> Any:
    names = ("dp", "tp")[: len(sizes)]
    return init_device_mesh("cpu", sizes, mesh_dim_names=names)


def fully(model: nn.Module, mesh: Any = None, **said: Any) -> nn.Module:
    """Each block by itself, as is usual."""
    mesh = mesh or mesh_of(dist.get_world_size())
    for block in model.blocks:  # type: ignore[union-attr]  # a list of modules
        fully_shard(block, mesh=mesh, **said)
    fully_shard(model, mesh=mesh, **said)
    return model


def tensor_parallel(model: nn.Module, mesh: Any = None) -> nn.Module:
    """The linear layers of blocks, and nothing else."""
    mesh = mesh or mesh_of(dist.get_world_size())
    for block in model.blocks:  # type: ignore[union-attr]  # as above
        parallelize_module(block, mesh, {"up": ColwiseParallel(), "down": RowwiseParallel()})
    return model


def both(model: nn.Module) -> nn.Module:
    """Tensor parallel in pairs, `fully_shard` over them."""
    mesh = mesh_of(2, 2)
    tensor_parallel(model, mesh["tp"])
    return fully(model, mesh["dp"])


def repeated(model: nn.Module) -> nn.Module:
    """Spread over pairs, and the pairs repeat each other."""
    return fully(model, mesh_of(2, 2))


def apart(model: nn.Module) -> nn.Module:
    """Blocks lie on one dimension of a mesh, all else on the other: nobody sees all processes on one mesh."""
    mesh = mesh_of(2, 2)
    tensor_parallel(model, mesh["tp"])
    inner = {one for block in model.blocks for one in block.parameters()}  # type: ignore[union-attr]  # as above
    fully_shard(model, mesh=mesh["dp"], ignored_params=inner)
    return model


def flat(model: nn.Module, **said: Any) -> nn.Module:
    """By FSDP1."""
    blocks: Any = model.blocks
    for place in range(len(blocks)):
        blocks[place] = _flat(blocks[place], **said)
    return _flat(model, **said)


def _flat(model: nn.Module, **said: Any) -> nn.Module:
    said = {"use_orig_params": True, **said}
    return FullyShardedDataParallel(model, device_id=torch.device("cpu"), **said)


def loss_at(model: nn.Module, step: int, *, shared: tuple[int, int] | None = None) -> torch.Tensor:
    """The loss on a share of the batch of a step: which, and of how many."""
    draw = torch.Generator().manual_seed(step)
    x = torch.randint(0, ROWS, (BATCH, 3), generator=draw)
    y = torch.randint(0, CLASSES, (BATCH,), generator=draw)
    place, count = shared or (0, 1)
    return functional.cross_entropy(model(x[place::count]), y[place::count])


def named(model: nn.Module) -> Values:
    """Parameters by the names that they had before they were wrapped by FSDP1."""
    return {name.replace("_fsdp_wrapped_module.", ""): one for name, one in model.named_parameters()}


def whole(model: nn.Module) -> Values:
    """All parameters, gathered."""
    if isinstance(model, FullyShardedDataParallel):
        with FullyShardedDataParallel.summon_full_params(model):
            return {name: one.detach().clone() for name, one in named(model).items()}
    return {name: full(one.detach()).clone() for name, one in named(model).items()}


def full(tensor: Any) -> torch.Tensor:
    found: torch.Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return found


def close(one: Values, other: Values, rtol: float = 1e-9) -> bool:
    return one.keys() == other.keys() and all(
        torch.allclose(one[name], other[name], rtol=rtol, atol=rtol * 1e-2) for name in one
    )
