"""Loops of Accelerate's, as its users write them, over a small network."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import paramgroups as pg
from paramgroups.integrations.accelerate import length, prepare
from paramgroups.schedules import linear
from tests.run.models import Net, net

RULES = (pg.rule("head", lr_scale=10, group="head"), pg.rule("stem", trainable=False, until=3))


def accelerator_of(**options: Any) -> Accelerator:
    """A new one: what the last one has left in the process is forgotten."""
    forget()
    return Accelerator(cpu=True, **options)


def forget() -> None:
    """What an accelerator leaves in the process, for whoever makes the next."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def loader_of(rows: int = 32, batch: int = 4) -> DataLoader[Any]:
    """Batches in a fixed order."""
    draw = torch.Generator().manual_seed(7)
    x, y = torch.randn(rows, 4, generator=draw), torch.randint(0, 3, (rows,), generator=draw)
    return DataLoader(TensorDataset(x, y), batch_size=batch)


def recipe(optimizer: Any = "adamw", **more: Any) -> pg.Recipe:
    return pg.Recipe(optimizer=optimizer, lr=0.02, schedule=linear(), rules=RULES, **more)


def started(accelerator: Accelerator, epochs: int = 1, **options: Any) -> tuple[Any, ...]:
    """A model, an optimizer, a scheduler and a loader, prepared."""
    model, loader = net(), accelerator.prepare(loader_of())
    plan = pg.plan(model, recipe(), **length(accelerator, loader, epochs=epochs))
    return prepare(accelerator, plan, model, loader, **options)


def train(
    accelerator: Accelerator,
    made: Iterable[Any],
    batches: Iterable[Any] | None = None,
    each: Callable[[], Any] = lambda: None,
) -> None:
    """An epoch, or these batches: the loop of Accelerate's own documents."""
    model, optimizer, scheduler, loader = made
    for x, y in loader if batches is None else batches:
        with accelerator.accumulate(model):
            accelerator.backward(functional.cross_entropy(model(x), y))
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        each()


def by_hand(each: int = 1, clip: float = 1e9, theirs: Any = None) -> Net:
    """What a plain loop makes of an epoch of the same."""
    model, loader = net(), loader_of()
    plan = pg.plan(model, recipe(), steps=len(loader) // each)
    optimizer, scheduler = driven(plan, model, theirs) if theirs else pg.build(plan)
    for place, (x, y) in enumerate(loader):
        (functional.cross_entropy(model(x), y) / each).backward()
        if place % each == each - 1:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    return model


def driven(plan: pg.Plan, model: nn.Module, cls: Any) -> tuple[Any, pg.Scheduler]:
    """An optimizer of another package, and a scheduler of ours for it."""
    optimizer = cls(plan.param_groups(model))
    return optimizer, pg.Scheduler(optimizer, plan, model)
