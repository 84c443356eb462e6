"""A small net, its batches, a recipe and a trainer, as the tests of Ignite use them."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import paramgroups as pg
from paramgroups.schedules import cosine, warmup

with warnings.catch_warnings():
    # Ignite imports torch.distributed.optim, which warns of itself.
    warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
    from ignite.engine import Engine, create_supervised_trainer

    from paramgroups.integrations import ignite

BATCHES = 6


def net() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


def batches() -> list[tuple[Tensor, Tensor]]:
    draw = torch.Generator().manual_seed(1)
    return [
        (torch.randn(5, 4, generator=draw), torch.randint(0, 3, (5,), generator=draw)) for _ in range(BATCHES)
    ]


def recipe(**said: Any) -> pg.Recipe:
    given: dict[str, Any] = {
        "optimizer": "adamw",
        "lr": 1e-2,
        "schedule": warmup("10%").then(cosine()),
        "rules": [
            pg.rule("4", lr_scale=10, group="head"),
            pg.rule("0", trainable=False, until="50%"),
        ],
    }
    return pg.Recipe(**given | said)


def trained(
    model: nn.Module, said: pg.Recipe, *, max_epochs: int = 3, each: int = 1
) -> tuple[Engine, pg.Scheduler]:
    optimizer, scheduler = ignite.build(
        model, said, batches(), max_epochs=max_epochs, gradient_accumulation_steps=each
    )
    trainer = create_supervised_trainer(
        model, optimizer, functional.cross_entropy, gradient_accumulation_steps=each
    )
    ignite.attach(trainer, scheduler)
    return trainer, scheduler
