"""Small models, and recipes for them."""

import torch
from torch import nn

import paramgroups as pg
from paramgroups.indexing import Index, Row
from tests.select.models import row

WIDTH, WORDS = 4, 20


class Block(nn.Module):
    """A residual block of a norm and two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 8), nn.Linear(8, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.fc2(self.fc1(self.norm(x)).relu())
        return out


class Reader(nn.Module):
    """An embedding, a stem, three blocks, a head: 23 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, WIDTH)
        self.stem = nn.Linear(WIDTH, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(3)))
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.blocks(self.stem(self.embed(x))).mean(1))
        return out


class Tied(nn.Module):
    """A language model whose output layer is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, WIDTH)
        self.body = nn.Linear(WIDTH, WIDTH)
        self.lm_head = nn.Linear(WIDTH, WORDS, bias=False)
        self.lm_head.weight = self.embed.weight


ROWS: tuple[Row, ...] = (
    row("embed.weight", (20, 4), aliases=("lm_head.weight",), roles=("embedding", "weight"), depth=0),
    row("stem.weight", (4, 4), depth=0),
    row("stem.bias", (4,), roles=("bias", "linear"), depth=0),
    row("blocks.0.norm.weight", (4,), roles=("norm", "weight"), module_type="LayerNorm", depth=4),
    row("blocks.0.fc.weight", (8, 4), depth=4),
    row("blocks.0.fc.bias", (8,), roles=("bias", "linear"), depth=4),
    row("blocks.1.norm.weight", (4,), roles=("norm", "weight"), module_type="LayerNorm", depth=8),
    row("blocks.1.fc.weight", (8, 4), depth=8),
    row("blocks.1.fc.bias", (8,), roles=("bias", "linear"), depth=8),
    row("old.weight", (2, 4), depth=8, trainable=False),
    row("head.weight", (3, 4), roles=("head", "weight"), depth=11),
    row("head.bias", (3,), roles=("head", "bias"), depth=11),
)
INDEX = Index(ROWS)
"""Twelve parameters; one is tied, one comes frozen."""


def planned(*rules: pg.Rule, steps: int | None = 10, **settings: object) -> pg.Plan:
    """A plan of `INDEX`: AdamW at rate 1 unless said otherwise."""
    recipe = pg.Recipe(**{"optimizer": "adamw", "lr": 1.0, "rules": rules, **settings})  # type: ignore[arg-type]  # keywords
    return pg.plan(INDEX, recipe, steps=steps)
