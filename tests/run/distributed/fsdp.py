"""Runs with parameters sharded over two processes, by FSDP1 and fully_shard."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

import paramgroups as pg
from paramgroups.control import divergence, nonfinite, ratio, rollback, spike
from paramgroups.indexing import named_parameters
from tests.run.distributed.processes import Scenario
from tests.run.distributed.training import (
    ALWAYS,
    STEPS,
    THROUGH,
    Plain,
    build,
    local,
    loss_at,
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


def flat(model: Plain, *, orig: bool = True) -> nn.Module:
    for name in ("stem", "block", "head"):
        setattr(model, name, _flat(getattr(model, name), orig=orig))
    return _flat(model, orig=orig)


def _flat(model: nn.Module, *, orig: bool) -> nn.Module:
    return FullyShardedDataParallel(model, use_orig_params=orig, device_id=torch.device("cpu"))


ROWS = (pg.rule("stem.0.weight[2:4]", trainable=False, start=2, until=5),)
"""Of six rows, one in each of two processes."""

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


GUARDS = (
    nonfinite(),
    spike(least=2, score=1.0, floor=0.01, action="clip"),
    ratio(high=1e-3, patience=0),
    divergence(least=2, times=1.5, patience=0),
    rollback(after=2, every=1),
)
BAD = (5, 6)
"""At these steps the first process alone has a gradient that is no number."""


def guarded(name: str | None = None) -> dict[str, Any]:
    """A run under guards, clipped, with a rate for each layer; by one process if nothing wraps the model."""
    model = network()
    rules = [pg.recipes.layer_decay(0.8)]
    recipe = pg.Recipe(optimizer="adamw", lr=0.02, clip_norm=0.5, rules=rules, controllers=GUARDS)
    plan = pg.plan(model, recipe, steps=STEPS)
    live = model if name is None else WRAPPINGS[name](model)
    optimizer, scheduler = build(plan, model=live)
    statistics = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss_at(live, step).backward()
        if step in BAD:
            _break(live)
        optimizer.step()
        scheduler.step()
        statistics.append({group: tuple(one) for group, one in optimizer.statistics().items()})
    told = [(event.action, event.step, event.names) for event in scheduler.journal]
    return {"whole": whole(live), "told": told, "statistics": statistics}


def _break(model: nn.Module) -> None:
    gradient = dict(named_parameters(model))["head.weight"].grad
    if (
        gradient is not None
        and local(gradient).numel()
        and (not dist.is_initialized() or dist.get_rank() == 0)
    ):
        local(gradient).view(-1)[0] = math.nan


def by_hand() -> None:
    """The optimizer was made without a plan, and nobody has told it what FSDP1 has cut."""
    model = network()
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.02, controllers=[nonfinite()]), steps=9)
    wrapped = flat(model)
    pg.Scheduler(pg.Optimizer(plan.param_groups(wrapped)), plan, wrapped)


def planned(rules: tuple[pg.Rule, ...], optimizer: str = "adamw", **said: Any) -> None:
    model = network()
    plan = plan_of(model, rules, optimizer)
    build(plan, model=flat(model, **said))


SCENARIOS: dict[str, Scenario] = {
    f"{name}, {what}": partial(through, name, rules, before=before)
    for name in WRAPPINGS
    for what, rules, before in (
        ("windows", THROUGH, False),
        ("before", ALWAYS, True),
        ("late", ALWAYS, False),
    )
} | {
    "fully_shard, guarded": partial(guarded, "fully_shard"),
    "fsdp1, guarded": partial(guarded, "fsdp1"),
    "fully_shard, rows": partial(through, "fully_shard", ROWS),
    "fsdp1, by hand": by_hand,
    "fsdp1, joined": partial(planned, (), orig=False),
    "fsdp1, rows": partial(planned, (pg.rule("stem.0.weight[3:]", lr=0.1),)),
    "fsdp1, norms": partial(planned, (), "lamb"),
}
