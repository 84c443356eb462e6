"""A small run that is logged, and names that logs have to live with."""

import copy
from typing import Any

import torch
from torch import nn

import paramgroups as pg
from paramgroups.integrations.loggers import Recorder

HOSTILE = {
    "long": "x" * 10_000,
    "lines": "a\nb\r\nc\rd",
    "markup": "<script>alert('x')</script>",
    "unicode": "größe/層/😀",
    "commas": 'say "a", "b",,',
    "path": "../../../etc/passwd",
    "slashes": "/a//b/",
    "nul": "a\x00b",
    "ticks": "```\n# heading\n```",
    "formula": "=1+1",
    "rows": "embed[1:2]",
    "blank": " . ",
}


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Embedding(10, 4), nn.Linear(4, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.embed(tokens))
        return scores


Run = tuple[nn.Module, pg.Optimizer, pg.Scheduler]


def built(group: str = "head", steps: int = 10) -> Run:
    """A model with a head and rows at rates of their own: lr/default, lr/head, lr/embed.weight[8:10]."""
    rules = [pg.rule("head", lr_scale=10, group=group), pg.rule("embed.weight[8:]", lr_scale=5)]
    recipe = pg.Recipe(optimizer="adamw", lr=0.1, schedule=pg.schedules.linear(), rules=rules)
    model = Network()
    return model, *pg.build(pg.plan(model, recipe, steps=steps))


def state_of(run: Run) -> list[dict[str, Any]]:
    return copy.deepcopy([part.state_dict() for part in run])


def load(run: Run, saved: list[dict[str, Any]]) -> None:
    model, optimizer, scheduler = run
    model.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    scheduler.load_state_dict(saved[2])


def update(model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler) -> torch.Tensor:
    loss: torch.Tensor = model(torch.arange(10)).square().mean()
    loss.backward()
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
    return loss


def train(
    recorder: Recorder,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scheduler: pg.Scheduler,
    count: int,
) -> None:
    for _ in range(count):
        recorder.step(loss=update(model, optimizer, scheduler))
