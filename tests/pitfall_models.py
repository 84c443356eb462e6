"""What the tests of what goes wrong in plain torch share: a network, its training, a plan."""

from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler

import paramgroups as pg


class Net(nn.Module):
    """`body`, `norm` (of batches) and `head`."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.body(x)))  # type: ignore[no-any-return]  # torch's modules are untyped


def net() -> Net:
    """The same weights each time, and the random numbers after it as before."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net()


def backward(model: nn.Module) -> None:
    model(torch.arange(12.0).reshape(4, 3)).square().mean().backward()


def train(model: nn.Module, optimizer: Optimizer, scheduler: LRScheduler, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        backward(model.train())
        optimizer.step()
        scheduler.step()


def rates(optimizer: Optimizer) -> list[Any]:
    return [group["lr"] for group in optimizer.param_groups]


def two_rates(model: Net, momentum: float = 0.0) -> SGD:
    return SGD(
        [{"params": model.body.parameters(), "lr": 1e-6}, {"params": model.head.parameters(), "lr": 1e-3}],
        momentum=momentum,
    )


def planned(model: nn.Module, *rules: pg.Rule, steps: int = 10, **said: Any) -> pg.Plan:
    settings: dict[str, Any] = {"optimizer": "sgd", "lr": 0.1} | said
    return pg.plan(model, pg.Recipe(rules=rules, **settings), steps=steps)
