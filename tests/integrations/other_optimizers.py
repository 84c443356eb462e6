"""Optimizers of other packages under a plan, in both ways, over a network of which some state is 8-bit."""

import importlib
import warnings
from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn import functional

import paramgroups as pg
from paramgroups.schedules import linear
from tests.support import import_timm, import_transformers

RULES = (pg.rule("4", lr_scale=10, group="head"), pg.rule("0", trainable=False, until=3))
WAYS = ("theirs", "ours")
"""`pg.Scheduler` over theirs, or ours that lets theirs step."""

Made = tuple[Any, pg.Scheduler]


@cache
def import_bitsandbytes() -> ModuleType:
    """Its module on triton kernels uses what torch is to drop."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch.jit.script_method` is deprecated", DeprecationWarning)
        return importlib.import_module("bitsandbytes.optim")


def import_torchao() -> ModuleType:
    return importlib.import_module("torchao.optim")


def adafactor() -> Any:
    """That of transformers, which has no rate by default."""
    base: Any = import_transformers().optimization.Adafactor

    class Adafactor(base):
        def __init__(self, params: Any, lr: float = 1e-3, **settings: Any) -> None:
            super().__init__(params, lr=lr, **{"relative_step": False, "scale_parameter": False, **settings})

    return Adafactor


def momentum_of(name: str) -> Any:
    """One of bitsandbytes that refuses to do without momentum."""
    base: Any = getattr(import_bitsandbytes(), name)

    class WithMomentum(base):
        def __init__(self, params: Any, lr: float = 1e-3, momentum: float = 0.9, **settings: Any) -> None:
            super().__init__(params, lr=lr, momentum=momentum, **settings)

    return WithMomentum


@cache
def class_of(named: str) -> Any:
    """`"bitsandbytes AdamW8bit"`."""
    package, name = named.split()
    if name in ("SGD8bit", "LARS"):
        return momentum_of(name)
    if package == "transformers":
        return adafactor()
    if package == "timm":
        import_timm()
        return getattr(importlib.import_module("timm.optim"), name)
    return getattr(import_bitsandbytes() if package == "bitsandbytes" else import_torchao(), name)


def network() -> nn.Sequential:
    """Its middle has 64 × 64 weights: states of fewer are not kept in 8 bits."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3))


def plan_of(model: nn.Module, cls: Any, rules: Iterable[pg.Rule] = RULES, **settings: Any) -> pg.Plan:
    recipe = pg.Recipe(optimizer=cls, lr=0.01, schedule=linear(), rules=rules, **settings)
    return pg.plan(model, recipe, steps=12)


def made(model: nn.Module, cls: Any, way: str, **settings: Any) -> Made:
    plan = plan_of(model, cls, **settings)
    if way == "ours":
        return pg.build(plan)
    optimizer = cls(plan.param_groups())
    return optimizer, pg.Scheduler(optimizer, plan)


def backward(model: nn.Module, optimizer: Any, step: int) -> torch.Tensor:
    """The loss on the batch of a step, and its gradients."""
    draw = torch.Generator().manual_seed(step)
    x, y = torch.randn(16, 8, generator=draw), torch.randint(0, 3, (16,), generator=draw)
    optimizer.zero_grad()
    loss = functional.cross_entropy(model(x), y)
    loss.backward()
    return loss


def train(model: nn.Module, of: Made, steps: range) -> None:
    optimizer, scheduler = of
    for step in steps:
        backward(model, optimizer, step)
        optimizer.step()
        scheduler.step()


def by_hand(cls: Any, steps: int, scaled: int) -> nn.Module:
    """What their own loop makes of it, whose user writes each rate and flag before each step."""
    model = network()
    plan = plan_of(model, cls)
    optimizer = cls(plan.param_groups())
    for step in range(steps):
        for group in optimizer.param_groups:
            rate = plan.at(step)[group["param_names"][0]].lr
            rate *= 0.5 if step >= scaled and group["name"] == "head" else 1
            group["lr"] = torch.tensor(rate) if isinstance(group["lr"], torch.Tensor) else rate
        model[0].requires_grad_(step >= 3)
        backward(model, optimizer, step)
        optimizer.step()
    return model


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [tensor.detach().clone() for tensor in model.parameters()]


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(map(torch.equal, weights(one), weights(other)))
