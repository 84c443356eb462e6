"""Runs with parameters sharded over two processes, by FSDP1 and fully_shard."""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy, fully_shard

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


def flat(model: Plain, *, orig: bool = True, **said: Any) -> nn.Module:
    for name in ("stem", "block", "head"):
        setattr(model, name, _flat(getattr(model, name), orig=orig, **said))
    return _flat(model, orig=orig, **said)


def uncut(model: Plain) -> nn.Module:
    """Each process has all, as under DistributedDataParallel."""
    with warnings.catch_warnings():  # torch would rather have that
        warnings.simplefilter("ignore", FutureWarning)
        return flat(model, sharding_strategy=ShardingStrategy.NO_SHARD)


def _flat(model: nn.Module, *, orig: bool, **said: Any) -> nn.Module:
    return FullyShardedDataParallel(model, use_orig_params=orig, device_id=torch.device("cpu"), **said)


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
WHOLE = 18
"""So many numbers the tensor with that gradient has."""


Built = Callable[[pg.Plan, Plain], tuple[nn.Module, Any, Any]]


def alone_built(plan: pg.Plan, model: Plain) -> tuple[nn.Module, Any, Any]:
    return model, *build(plan, model=model)


def wrapped_first(plan: pg.Plan, model: Plain, *, wrap: Callable[[Plain], nn.Module]) -> Any:
    live = wrap(model)
    return live, *build(plan, model=live)


def wrapped_last(plan: pg.Plan, model: Plain) -> tuple[nn.Module, Any, Any]:
    """The optimizer is there before FSDP1 cuts its parameters, which stay the same objects."""
    optimizer, scheduler = build(plan, model=model)
    return flat(model), optimizer, scheduler


def by_hand(plan: pg.Plan, model: Plain) -> tuple[nn.Module, Any, Any]:
    """The optimizer is made without a plan."""
    live = flat(model)
    optimizer = pg.Optimizer(plan.param_groups(live), backend="torch")
    return live, optimizer, pg.Scheduler(optimizer, plan, live)


def guarded(made: Built = alone_built) -> dict[str, Any]:
    """A run under guards, clipped, with a rate for each layer."""
    model = network()
    rules = [pg.recipes.layer_decay(0.8)]
    recipe = pg.Recipe(optimizer="adamw", lr=0.02, clip_norm=0.5, rules=rules, controllers=GUARDS)
    live, optimizer, scheduler = made(pg.plan(model, recipe, steps=STEPS), model)
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
    """In the first process, and in all where each has the whole, as the gradients' exchange would have it."""
    gradient = dict(named_parameters(model))["head.weight"].grad
    here = torch.empty(0) if gradient is None else local(gradient).view(-1)
    if len(here) == WHOLE or (len(here) and dist.get_rank() == 0):
        here[0] = math.nan


def planned(rules: tuple[pg.Rule, ...], optimizer: str = "adamw", **said: Any) -> None:
    model = network()
    plan = plan_of(model, rules, optimizer)
    build(plan, model=flat(model, **said))


GUARDED: dict[str, Built] = {
    **{name: partial(wrapped_first, wrap=wrap) for name, wrap in WRAPPINGS.items()},
    "fsdp1 that cuts nothing": partial(wrapped_first, wrap=uncut),
    "fsdp1 of a built one": wrapped_last,
    "fsdp1 by hand": by_hand,
}

SCENARIOS: dict[str, Scenario] = (
    {
        f"{name}, {what}": partial(through, name, rules, before=before)
        for name in WRAPPINGS
        for what, rules, before in (
            ("windows", THROUGH, False),
            ("before", ALWAYS, True),
            ("late", ALWAYS, False),
        )
    }
    | {f"{name}, guarded": partial(guarded, made) for name, made in GUARDED.items()}
    | {
        "fully_shard, rows": partial(through, "fully_shard", ROWS),
        "fsdp1, joined": partial(planned, (), orig=False),
        "fsdp1, rows": partial(planned, (pg.rule("stem.0.weight[3:]", lr=0.1),)),
        "fsdp1, norms": partial(planned, (), "lamb"),
    }
)
