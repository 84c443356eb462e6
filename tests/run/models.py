"""A small network with batch norm, layer norms and a head, and a step of training it."""

import torch
from torch import nn
from torch.nn import functional
from torch.optim import Optimizer

import paramgroups as pg


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.tanh(self.fc(self.norm(x)))


class Net(nn.Module):
    """`stem.0` (linear) and `stem.1` (batch norm), `blocks.0`, `blocks.1`, `head`."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(2))
        self.head = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)  # type: ignore[no-any-return]  # torch's modules are called untyped


def net(seed: int = 0, width: int = 6) -> Net:
    """A network whose values follow from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Net(width)


def loss_at(model: nn.Module, step: int) -> torch.Tensor:
    """The loss on the batch of a step."""
    draw = torch.Generator().manual_seed(1000 + step)
    x, y = torch.randn(8, 4, generator=draw), torch.randint(0, 3, (8,), generator=draw)
    return functional.cross_entropy(model(x), y)


def update(model: nn.Module, optimizer: Optimizer, step: int, *, set_to_none: bool = True) -> None:
    """One update of the optimizer on the batch of a step."""
    optimizer.zero_grad(set_to_none=set_to_none)
    loss_at(model, step).backward()
    optimizer.step()


def train(model: nn.Module, optimizer: Optimizer, scheduler: pg.Scheduler, steps: range) -> None:
    """Updates, each followed by a tick."""
    for step in steps:
        update(model, optimizer, step)
        scheduler.step()


def values(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of all that a model holds, buffers too."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], under: str = "") -> bool:
    """Whether two models hold bit-equal values, in all or under a name."""
    return all(torch.equal(one[name], other[name]) for name in one if name.startswith(under))
