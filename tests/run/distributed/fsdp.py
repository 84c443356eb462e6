"""Runs with parameters sharded over two processes, by FSDP1 and fully_shard."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

import paramgroups as pg
from paramgroups.control import nonfinite
from tests.run.distributed.processes import Scenario
from tests.run.distributed.training import (
    ALWAYS,
    THROUGH,
    Plain,
    build,
    network,
    plan_of,
    train,
    whole,
)


def sharded(model: Plain) -> nn.Module:
    mesh = dist.device_mesh.init_device_mesh("cpu", (2,))
    for part in (model.stem, model.block, model.head, model):
        fully_shard(part, mesh=mesh)
    return model


def flat(model: Plain) -> nn.Module:
    for name in ("stem", "block", "head"):
        setattr(model, name, _flat(getattr(model, name)))
    return _flat(model)


def _flat(model: nn.Module) -> nn.Module:
    return FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))


WRAPPINGS: dict[str, Callable[[Plain], nn.Module]] = {"fully_shard": sharded, "fsdp1": flat}


def through(name: str, rules: tuple[pg.Rule, ...], *, before: bool = False) -> dict[str, Any]:
    model = network()
    plan = plan_of(model, rules)
    if before:
        plan.freeze()
    wrapped = WRAPPINGS[name](model)
    optimizer, scheduler = build(plan, model=wrapped)
    still = train(wrapped, optimizer, scheduler)
    freezing = scheduler._freezing
    flags = {one.requires_grad for key, one in wrapped.named_parameters() if "stem" in key}
    return {"still": still, "whole": whole(wrapped), "how": freezing.how, "flags": flags} | {
        "reason": freezing.reason
    }


def guarded(name: str) -> None:
    model = network()
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.02, controllers=[nonfinite()]), steps=9)
    build(plan, model=WRAPPINGS[name](model))


SCENARIOS: dict[str, Scenario] = {
    f"{name}, {what}": partial(through, name, rules, before=before)
    for name in WRAPPINGS
    for what, rules, before in (
        ("windows", THROUGH, False),
        ("before", ALWAYS, True),
        ("late", ALWAYS, False),
    )
} | {f"{name}, guarded": partial(guarded, name) for name in WRAPPINGS}
