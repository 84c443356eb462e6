"""Processes that train one model and were each told something else, as each of them sees it."""

import gc
import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Self

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import paramgroups as pg
from paramgroups.control import function, greedy, nonfinite, plateau, ratio, spike
from tests.optim.distributed import models
from tests.run.distributed import training
from tests.run.distributed.processes import Scenario
from tests.run.distributed.training import THROUGH, network, whole

STEPS = 30
NAN_AT, INF_AT = 12, 17


def halve(state: Any, seen: Any) -> Any:
    """A user's controller: halves the block where the loss rises."""
    if math.isnan(seen["loss"]):
        return state, []
    risen = state is not None and seen["loss"] > state
    rules = [pg.rule("block", lr_scale=0.5, until=int(seen.step) + 3)] if risen else []
    return seen["loss"], rules


def recipe() -> pg.Recipe:
    return pg.Recipe(
        optimizer="adamw",
        lr=0.02,
        schedule=pg.schedules.warmup(3).then(pg.schedules.cosine()),
        rules=[*THROUGH, pg.rule("head", lr_scale=2, group="head"), pg.rule(":bias", weight_decay=0.0)],
        clip_norm=0.5,
        controllers=[
            nonfinite(metric="loss"),
            spike(metric="loss", least=3),
            ratio(high=0.05, patience=0),
            plateau("head", "val", patience=1),
            greedy("block", "val", ceiling=2.0),
            function("halve", halve, selector="block", metric="loss"),
        ],
    )


Run = tuple[nn.Module, Any, Any]


def built(given: pg.Recipe | None = None, group: Any = None) -> Run:
    model = network()
    plan = pg.plan(model, given or recipe(), steps=STEPS)
    wrapped = DistributedDataParallel(model, process_group=group)
    return wrapped, *training.build(plan, model=wrapped)


def impatient(seconds: float) -> Any:
    """Messages of their own, so that what hangs in them disturbs no other run."""
    return dist.new_group(timeout=timedelta(seconds=seconds))


class Counted:
    """The messages for which each process waits."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        self._plain = dist.all_reduce

        def counting(*args: Any, **kwargs: Any) -> Any:
            self.count += not kwargs.get("async_op", False)
            return self._plain(*args, **kwargs)

        dist.all_reduce = counting
        return self

    def __exit__(self, *_: object) -> None:
        dist.all_reduce = self._plain


def one_step(run: Run, step: int, **metrics: Any) -> None:
    wrapped, optimizer, scheduler = run
    optimizer.zero_grad()
    loss = training.loss_at(wrapped, step)
    if step == INF_AT and dist.get_rank() == 1:
        loss = loss * math.inf
    loss.backward()
    if metrics:
        scheduler.observe(**metrics)
    optimizer.step()
    scheduler.step()


def trained() -> dict[str, Any]:
    """Uneven data, a NaN in one process, a gradient that is not finite in one, and edits of all kinds."""
    run = built()
    rank, scheduler, counts = dist.get_rank(), run[2], []
    noise = torch.Generator().manual_seed(rank)
    for step in range(STEPS):
        loss = 1.0 + torch.rand((), generator=noise).item()
        if step == NAN_AT and rank == 0:
            loss = math.nan
        if step == 8:
            scheduler.scale("head", 0.5, steps=4)
            scheduler.set("block", weight_decay=0.0)
        if step == 20:
            run[1].param_groups[0]["lr"] *= 0.5
        with Counted() as counted:
            one_step(run, step, loss=loss, val=0.5 + rank)
        counts.append(counted.count)
    told = [event.data for event in scheduler.journal]
    groups = [(one["name"], one["lr"], one["weight_decay"]) for one in run[1].param_groups]
    return {"whole": whole(run[0]), "told": told, "counts": counts, "groups": groups}


def planned() -> list[Any]:
    """The plan before and after wrapping."""
    model = network()
    before = pg.plan(model, recipe(), steps=STEPS)
    after = pg.plan(DistributedDataParallel(model), recipe(), steps=STEPS)
    return [
        [(group.name, group.names) for group in plan.groups]
        + [[plan.curve(name, "lr"), plan.curve(name, "weight_decay")] for name in plan]
        for plan in (before, after)
    ]


def plain() -> pg.Recipe:
    rules = [pg.rule("head", lr_scale=2, group="head")]
    return pg.Recipe(optimizer="sgd", lr=0.02, rules=rules, controllers=[plateau("head", "loss", patience=9)])


def added(run: Run) -> None:
    run[1].add_param_group({"params": [("adapter", nn.Parameter(torch.zeros(2)))], "name": "adapter"})


def written(run: Run) -> None:
    run[1].param_groups[0]["lr"] *= 0.5


def refused(run: Run) -> None:
    """What no factor can say: there the plan has 0."""
    run[1].param_groups[0]["weight_decay"] = 0.1


EDITS: dict[str, Callable[[Run], object]] = {
    "scale": lambda run: run[2].scale("head", 0.5),
    "set": lambda run: run[2].set("head", lr=0.1),
    "extend": lambda run: run[2].extend(steps=90),
    "write": written,
    "add": added,
    "refused": refused,
}


def edited(name: str, *, observing: bool) -> int:
    """An edit that one process alone makes at step 2; the last step that went well."""
    run = built(plain())
    for step in range(6):
        if step == 2 and dist.get_rank() == 1:
            EDITS[name](run)
        try:
            one_step(run, step, **({"loss": 1.0} if observing else {}))
        except pg.ParamGroupsError as error:
            error.add_note(f"step {step}")
            raise
    return 6


def observed(*metrics: Mapping[str, Any], given: pg.Recipe | None = None) -> Any:
    """Each process tells its own metrics, or none."""
    run = built(given or plain())
    for step in range(3):
        one_step(run, step, **metrics[min(dist.get_rank(), 1)])
    return run[2]._feedback.states


def told_after(*, rank: int) -> None:
    """One process observes twice in a tick."""
    run = built(plain(), impatient(2))
    for step in range(3):
        one_step(run, step, loss=1.0)
        if dist.get_rank() == rank:
            run[2].observe(loss=2.0)


def stepped_more() -> None:
    """One process steps its scheduler twice."""
    run = built(plain(), impatient(2.5))
    for step in range(3):
        one_step(run, step)
        if dist.get_rank() == 0 and step == 1:
            run[2].step()


def other_plans() -> None:
    lr = 0.02 if dist.get_rank() == 0 else 0.03
    run = built(pg.Recipe(optimizer="sgd", lr=lr))
    one_step(run, 0)


def apart(**said: Any) -> Any:
    """A sweep: each process trains a model of its own, at its own rate."""
    model = network()
    lr = 0.02 * (1 + dist.get_rank())
    controllers = [plateau("**", "loss", patience=0), nonfinite(metric="loss")]
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=lr, controllers=controllers), steps=STEPS)
    optimizer, scheduler = training.build(plan, **said)
    with Counted() as counted:
        for step in range(3 + dist.get_rank()):
            one_step((model, optimizer, scheduler), step, loss=1.0)
    return counted.count, scheduler.rates


def joined_by_name() -> Any:
    """Nothing wraps the model: gradients are averaged by hand."""
    model = network()
    plan = pg.plan(model, plain(), steps=STEPS)
    run = model, *training.build(plan, together=True)
    with Counted() as counted:
        for step in range(4):
            one_step(run, step, loss=float(dist.get_rank()))
    return counted.count, run[2]._feedback.states


def sharded() -> Any:
    """Parameters on a mesh: its processes train together."""
    model = network()
    plan = pg.plan(model, plain(), steps=STEPS)
    for part in (model.block, model):
        fully_shard(part)
    run = model, *training.build(plan, model=model)
    for step in range(4):
        one_step(run, step, loss=float(dist.get_rank()))
    run[2].scale("head", 0.5 + 0.1 * dist.get_rank())
    one_step(run, 4, loss=1.0)


def sharded_apart() -> dict[str, Any]:
    """Blocks lie on one dimension of a mesh, all else on the other: nobody sees all others on one mesh."""
    model = models.network()
    plan = pg.plan(model, plain(), steps=STEPS)
    run = models.apart(model), *training.build(plan, model=model)
    for step in range(3):
        run[1].zero_grad()
        models.loss_at(model, step).backward()
        run[2].observe(loss=float(dist.get_rank()))
        run[1].step()
        with Counted() as counted:
            run[2].step()
    return {"count": counted.count, "best": run[2]._feedback.states[0]["best"]}


def wrapped_late(tick: int) -> Any:
    """The model is wrapped when training has begun, and each process told its own before."""
    model = network()
    plan = pg.plan(model, plain(), steps=STEPS)
    run = model, *training.build(plan)
    run[2].observe(loss=1.0)
    for step in range(tick + 3):
        if step == tick:
            run = DistributedDataParallel(model), *run[1:]
        told = float(dist.get_rank()) if step > tick else 1.0
        one_step(run, step, loss=told)
    return run[2]._feedback.states


def wrapped_anew() -> Any:
    """The first wrapper is still there, and its process group is not."""
    first = dist.new_group()
    model = network()
    plan = pg.plan(model, plain(), steps=STEPS)
    old = DistributedDataParallel(model, process_group=first)
    one_step((old, *training.build(plan, model=old)), 0, loss=float(dist.get_rank()))
    dist.destroy_process_group(first)
    run = DistributedDataParallel(model), *training.build(plan)
    gc.collect()  # which puts the first before the other, where wrappers are looked for
    one_step(run, 1, loss=float(dist.get_rank()))
    return run[2]._feedback.states, old.training


def with_groups_of_its_own() -> Any:
    """One process has made a group without the others, so that torch would name the next otherwise."""
    if dist.get_rank() == 1:
        dist.new_group([1], use_local_synchronization=True)
    run = built(plain(), impatient(5))
    one_step(run, 0, loss=float(dist.get_rank()))
    return run[2]._feedback.states


def loaded_unevenly() -> None:
    """One process goes on from another journal."""
    run, other = built(plain()), built(plain())
    if dist.get_rank() == 1:
        other[2].scale("head", 0.5)
    for one in (run, other):
        one[2].load_state_dict(other[2].state_dict())
    one_step(run, 0)


def resumed() -> Any:
    """All go on from the same journal, and agree on it as a whole."""
    run = built(plain())
    for step in range(3):
        run[2].scale("head", 0.9)
        one_step(run, step, loss=1.0)
    again = built(plain())
    again[2].load_state_dict(run[2].state_dict())
    again[1].load_state_dict(run[1].state_dict())
    for step in range(3, 6):
        again[2].scale("head", 0.9)
        one_step(again, step, loss=1.0)
    return len(again[2].journal), again[2].rates


def gone_wrong_after_the_exchange() -> None:
    """A gradient that one process alone spoils: its update is skipped, and theirs is not."""
    run = built(pg.Recipe(optimizer="sgd", lr=0.02, controllers=[nonfinite()]))
    wrapped, optimizer, scheduler = run
    for step in range(4):
        optimizer.zero_grad()
        training.loss_at(wrapped, step).backward()
        if step == 1 and dist.get_rank() == 1:
            next(wrapped.parameters()).grad.fill_(math.inf)  # type: ignore[union-attr]  # it has one
        optimizer.step()
        scheduler.step()


def by_closure() -> Any:
    """Losses told from within a closure."""
    run = built()
    wrapped, optimizer, scheduler = run
    for step in range(6):

        def closure(step: int = step) -> torch.Tensor:
            optimizer.zero_grad()
            loss = training.loss_at(wrapped, step)
            loss.backward()
            scheduler.observe(loss=math.nan if step == 3 and dist.get_rank() else loss.detach())
            return loss

        optimizer.step(closure)
        scheduler.step()
    told = [(event.action, event.step) for event in scheduler.journal]
    return told, whole(wrapped)


def after_another_scheduler() -> Any:
    """Its turn comes in torch's SequentialLR at step 2; each process then tells its own."""
    wrapped, optimizer, scheduler = built(plain())
    first = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.1, total_iters=2)
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, [first, scheduler], [2])
    rates = []
    for step in range(6):
        optimizer.zero_grad()
        training.loss_at(wrapped, step).backward()
        optimizer.step()
        if step >= 2:
            scheduler.observe(loss=float(dist.get_rank()))
        both.step()
        rates.append(scheduler.get_last_lr())
    return rates, whole(wrapped)


def stepped_by_each() -> Any:
    """As Accelerate does: the scheduler is stepped once for each process, on all of them."""
    wrapped, optimizer, scheduler = built(plain())
    with Counted() as counted:
        for step in range(4):
            optimizer.zero_grad()
            training.loss_at(wrapped, step).backward()
            optimizer.step()
            for _ in range(dist.get_world_size()):
                scheduler.step()
            scheduler.observe(loss=float(dist.get_rank()))
    return scheduler.last_epoch, counted.count


LOSS: Mapping[str, Any] = {"loss": 1.0}
SCENARIOS: dict[str, Scenario] = {
    "planned": planned,
    "trained": trained,
    **{f"{name} alone": partial(edited, name, observing=False) for name in EDITS},
    **{f"{name} alone, observing": partial(edited, name, observing=True) for name in EDITS},
    "one observes": partial(observed, LOSS, {}),
    "other names": partial(observed, LOSS, {**LOSS, "val": 1.0}),
    "no number": partial(observed, LOSS, {"loss": "one"}),
    "none here": partial(observed, LOSS, {"loss": None}),
    "none anywhere": partial(observed, {"loss": None}, {"loss": None}),
    "infinite": partial(observed, {"loss": math.inf}, {"loss": -math.inf}),
    "twice in a tick": partial(told_after, rank=1),
    "stepped more": stepped_more,
    "other plans": other_plans,
    "apart": apart,
    "apart by name": partial(apart, together=False),
    "by name": joined_by_name,
    "no processes": partial(apart, together="all"),
    "sharded": sharded,
    "wrapped late": partial(wrapped_late, 0),
    "wrapped later": partial(wrapped_late, 3),
    "loaded unevenly": loaded_unevenly,
    "resumed": resumed,
    "spoiled": gone_wrong_after_the_exchange,
    "closure": by_closure,
    "sequential": after_another_scheduler,
    "accelerate": stepped_by_each,
    "wrapped anew": wrapped_anew,
    "own groups": with_groups_of_its_own,
}
FOUR = {
    **{name: SCENARIOS[name] for name in ("trained", "scale alone", "one observes")},
    "sharded apart": sharded_apart,
}
