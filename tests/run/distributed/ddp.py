"""Runs under DistributedDataParallel, each as one of two processes makes it."""

import math
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import paramgroups as pg
from paramgroups.control import nonfinite, ratio, spike
from tests.run.distributed import training
from tests.run.distributed.processes import Scenario
from tests.run.distributed.training import (
    ALWAYS,
    STEPS,
    THROUGH,
    network,
    plan_of,
    train,
    whole,
)

WRAPPINGS: dict[str, dict[str, bool]] = {
    "plain": {},
    "unused": {"find_unused_parameters": True},
    "view": {"gradient_as_bucket_view": True},
    "static": {"static_graph": True},
}


def grads_of_torch(*, thaw: bool) -> list[torch.Tensor | None]:
    """Gradients of the stem after it was thawed, or frozen, by hand in a wrapped model."""
    model = network()
    model.stem.requires_grad_(not thaw)
    wrapped = DistributedDataParallel(model)
    for step in range(4):
        if step == 2:
            model.stem.requires_grad_(thaw)
        model.zero_grad()
        training.loss_at(wrapped, step).backward()
    return [tensor.grad for tensor in model.stem.parameters()]


def told(model: nn.Module, optimizer: Any, scheduler: Any, steps: int = STEPS) -> dict[str, Any]:
    """A run, and how it was frozen."""
    still = train(model, optimizer, scheduler, steps)
    freezing = scheduler._freezing
    flags = {name: one.requires_grad for name, one in model.named_parameters() if "stem" in name}
    grads = [one.grad for name, one in model.named_parameters() if "stem" in name]
    return {
        "still": still, "whole": whole(model), "how": freezing.how, "reason": freezing.reason,
        "flags": set(flags.values()), "cleared": all(grad is None for grad in grads),
        "count": max(float(state["step"]) for state in optimizer.state.values()),
        "statistics": {name: one.clone() for name, one in model.named_buffers() if "stem" in name},
    }  # fmt: skip


def through(**wrapping: Any) -> Any:
    model = network()
    plan = plan_of(model)
    wrapped = DistributedDataParallel(model, **wrapping)
    return told(wrapped, *training.build(plan, model=wrapped))


def through_torchs() -> Any:
    """An optimizer of torch's, and batch norm, whose statistics are those of each process."""
    model = network(batch_norm=True)
    plan = plan_of(model)
    wrapped = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(plan.param_groups(wrapped))
    return told(wrapped, optimizer, pg.Scheduler(optimizer, plan, wrapped))


def through_flags() -> Any:
    model = network()
    plan = plan_of(model)
    wrapped = DistributedDataParallel(model, find_unused_parameters=True)
    return told(wrapped, *training.build(plan, model=wrapped, freezing="flags"))


def bound_to_the_inner(rules: tuple[pg.Rule, ...]) -> Any:
    """The plan knows the model that stands within the wrapper."""
    model = network()
    wrapped = DistributedDataParallel(model)
    optimizer, scheduler = training.build(plan_of(model, rules))
    return told(wrapped, optimizer, scheduler)


def before_wrapping() -> Any:
    model = network()
    plan = plan_of(model, ALWAYS)
    names = plan.freeze()
    wrapped = DistributedDataParallel(model)
    return told(wrapped, *training.build(plan, model=wrapped)) | {"names": names}


def wrapped_after_building() -> Any:
    model = network()
    optimizer, scheduler = training.build(plan_of(model, ALWAYS))
    return told(DistributedDataParallel(model), optimizer, scheduler)


def thawed_by_a_rule(*, asked: bool) -> Any:
    model = network()
    model.stem.requires_grad_(False)
    plan = plan_of(model, (pg.rule("stem", trainable=True, start=2),))
    if asked:
        plan.freeze()
    wrapped = DistributedDataParallel(model)
    optimizer, scheduler = training.build(plan, model=wrapped)
    return told(wrapped, optimizer, scheduler, steps=6)


def frozen_by_hand() -> Any:
    """A tensor that the user froze, under a window."""
    model = network()
    model.stem[0].bias.requires_grad_(False)
    plan = plan_of(model)
    wrapped = DistributedDataParallel(model)
    made = training.build(plan, model=wrapped)
    before = model.stem[0].bias.clone()
    train(wrapped, *made)
    return torch.equal(before, model.stem[0].bias), model.stem[0].bias.requires_grad


def by_closure() -> Any:
    """The step makes the gradients itself."""
    model = network()
    plan = plan_of(model)
    wrapped = DistributedDataParallel(model)
    optimizer, scheduler = training.build(plan, model=wrapped)
    still = []
    for step in range(STEPS):
        before = model.stem[0].weight.clone()

        def closure(step: int = step) -> torch.Tensor:
            optimizer.zero_grad()
            loss = training.loss_at(wrapped, step)
            loss.backward()
            return loss

        optimizer.step(closure)
        still.append(torch.equal(before, model.stem[0].weight))
        scheduler.step()
    return {"still": still, "whole": whole(wrapped)}


def remembered() -> Any:
    """What `moments="keep"` leaves while gradients flow: state and count, bit for bit."""
    model = network()
    plan = plan_of(model, (pg.rule("stem", trainable=False, start=2, until=5, moments="keep"),))
    wrapped = DistributedDataParallel(model)
    optimizer, scheduler = training.build(plan, model=wrapped)
    counts, moments = [], []
    for step in range(7):
        training.update(wrapped, optimizer, step)
        state = optimizer.state[model.stem[0].weight]
        counts.append(int(state["step"]))
        moments.append(state["exp_avg"].clone())
        scheduler.step()
    return counts, all(torch.equal(moments[1], one) for one in moments[2:5])


def guarded() -> dict[str, Any]:
    """Each process tells a loss of its own, and one of them is NaN at one step."""
    model = network()
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.02,
        controllers=[nonfinite(metric="loss"), spike(metric="loss", least=3), ratio(high=1e-3, patience=0)],
    )
    plan = pg.plan(model, recipe, steps=STEPS)
    wrapped = DistributedDataParallel(model)
    optimizer, scheduler = training.build(plan, model=wrapped)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = training.loss_at(wrapped, step)
        loss.backward()
        bad = step == 5 and dist.get_rank() == 1
        scheduler.observe(loss=math.nan if bad else loss.detach())
        optimizer.step()
        scheduler.step()
    told = [(event.action, event.step, event.names) for event in scheduler.journal]
    return {"whole": whole(wrapped), "told": told}


SCENARIOS: dict[str, Scenario] = {
    "torch, thawed": partial(grads_of_torch, thaw=True),
    "torch, frozen": partial(grads_of_torch, thaw=False),
    **{name: partial(through, **said) for name, said in WRAPPINGS.items()},
    "torchs": through_torchs,
    "flags": through_flags,
    "inner, windows": partial(bound_to_the_inner, THROUGH),
    "inner, always": partial(bound_to_the_inner, ALWAYS),
    "before wrapping": before_wrapping,
    "wrapped later": wrapped_after_building,
    "thawed late": partial(thawed_by_a_rule, asked=False),
    "thawed in time": partial(thawed_by_a_rule, asked=True),
    "by hand": frozen_by_hand,
    "closure": by_closure,
    "remembered": remembered,
    "guarded": guarded,
}
