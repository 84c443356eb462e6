"""Optimizers whose memory is spread by torch, and pipelines whose stages hold a part of the model each."""

import io
import warnings
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.pipelining import PipelineStage, ScheduleGPipe
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

import paramgroups as pg
from paramgroups.control import nonfinite, plateau
from tests.run.distributed import training
from tests.run.distributed.processes import Scenario
from tests.run.distributed.training import STEPS, THROUGH, Plain, Values, network, whole

with warnings.catch_warnings():  # torch compiles some by what it calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch.distributed.optim import ZeroRedundancyOptimizer

HALF = 5
RULES = (*THROUGH, pg.rule("head", lr_scale=10, group="head"), pg.rule(":bias", weight_decay=0.0))


def recipe(**said: Any) -> pg.Recipe:
    return pg.Recipe(
        optimizer="adamw",
        lr=0.02,
        weight_decay=0.1,
        schedule=pg.schedules.cosine(),
        rules=RULES,
        controllers=[plateau("head", "loss", patience=0)],
        **said,
    )


def zero(kind: Any = torch.optim.AdamW) -> tuple[nn.Module, Any, Any]:
    model = network()
    plan = pg.plan(model, recipe(), steps=STEPS)
    wrapped = DistributedDataParallel(model)
    optimizer = ZeroRedundancyOptimizer(plan.param_groups(wrapped), optimizer_class=kind, lr=0.02)
    return wrapped, optimizer, pg.Scheduler(optimizer, plan, wrapped)


def drive(run: tuple[nn.Module, Any, Any], steps: range) -> list[list[float]]:
    wrapped, optimizer, scheduler = run
    rates = []
    for step in steps:
        training.update(wrapped, optimizer, step)
        if step == 4:
            scheduler.scale("block", 0.5)
        scheduler.observe(loss=float(dist.get_rank()))
        scheduler.step()
        rates.append([group["lr"] for group in optimizer.param_groups])
    return rates


def unsharded() -> Values:
    """The same by torch's AdamW as a whole."""
    model = network()
    plan = pg.plan(model, recipe(), steps=STEPS)
    wrapped = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(plan.param_groups(wrapped))
    drive((wrapped, optimizer, pg.Scheduler(optimizer, plan, wrapped)), range(STEPS))
    return whole(wrapped)


def by_zero() -> dict[str, Any]:
    run = zero()
    rates = drive(run, range(STEPS))
    return {
        "whole": whole(run[0]),
        "unsharded": unsharded(),
        "rates": rates,
        "kept": len(run[1].optim.state),
        "journal": [event.data for event in run[2].journal],
    }


def zero_resumed() -> dict[str, Any]:
    """Stopped at half, its memory gathered on the first rank, and gone on with by others."""
    run = zero()
    drive(run, range(HALF))
    run[1].consolidate_state_dict(to=0)
    buffer: list[Any] = [None]
    if dist.get_rank() == 0:
        buffer = [{"optimizer": run[1].state_dict(), "model": run[0].state_dict()}]
    dist.broadcast_object_list(buffer)
    saved: Any = buffer[0]
    scheduler_state = run[2].state_dict()
    again = zero()
    again[0].load_state_dict(saved["model"])
    again[1].load_state_dict(saved["optimizer"])
    again[2].load_state_dict(scheduler_state)
    held = [group["lr"] for group in again[1].param_groups]
    drive(again, range(HALF, STEPS))
    unbroken = zero()
    drive(unbroken, range(STEPS))
    return {
        "whole": whole(again[0]),
        "unbroken": whole(unbroken[0]),
        "held": held,
        "before": [group["lr"] for group in run[1].param_groups],
    }


def zero_of_ours() -> dict[str, Any]:
    run = zero(pg.Optimizer)
    drive(run, range(STEPS))
    return {"whole": whole(run[0]), "unsharded": unsharded()}


def zero_regrouped() -> None:
    """The state of a run that had other groups."""
    run = zero()
    drive(run, range(2))
    run[1].consolidate_state_dict(to=0)
    buffer = [run[1].state_dict() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(buffer)
    saved: Any = buffer[0]
    names = saved["param_groups"][0]["param_names"]
    saved["param_groups"][0]["param_names"] = [*reversed(names)]
    again = zero()
    again[1].load_state_dict(saved)


def zero_asked(given: pg.Recipe) -> None:
    model = network()
    plan = pg.plan(model, given, steps=STEPS)
    optimizer = ZeroRedundancyOptimizer(plan.param_groups(), optimizer_class=torch.optim.AdamW, lr=0.02)
    pg.Scheduler(optimizer, plan, model)


ASKED = {
    "rows": {"rules": [pg.rule("head.weight[:2]", lr_scale=2)]},
    "clipping": {"clip_norm": 1.0},
    "guards": {"controllers": [nonfinite()]},
}


class Front(nn.Module):
    """The stem and the block: the first stage, with the names of the whole."""

    def __init__(self, model: Plain) -> None:
        super().__init__()
        self.stem, self.block = model.stem, model.block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.block(self.stem(x))  # type: ignore[no-any-return]  # torch's are untyped


class Back(nn.Module):
    """The head: the last stage."""

    def __init__(self, model: Plain) -> None:
        super().__init__()
        self.head = model.head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x)  # type: ignore[no-any-return]  # torch's are untyped


def staged(*, meta: bool = False, **said: Any) -> tuple[nn.Module, Any, Any]:
    """The stage of this process, and what steps it: by a plan of the whole."""
    model = network()
    with torch.device("meta"):
        imagined = Plain().double()
    plan = pg.plan(imagined if meta else model, recipe(), steps=STEPS)
    stage = Front(model) if dist.get_rank() == 0 else Back(model)
    return stage, *training.build(plan, model=stage, **said)


def through_pipeline(*, meta: bool) -> dict[str, Any]:
    """Torch's pipeline of two stages; the loss is known on the last."""
    stage, optimizer, scheduler = staged(meta=meta, together=True)
    rank = dist.get_rank()
    pipe = ScheduleGPipe(
        PipelineStage(stage, rank, 2, torch.device("cpu")), n_microbatches=2, loss_fn=functional.cross_entropy
    )
    for step in range(STEPS):
        draw = torch.Generator().manual_seed(step)
        x = torch.randn(8, 4, generator=draw, dtype=torch.float64)
        y = torch.randint(0, 3, (8,), generator=draw)
        optimizer.zero_grad()
        losses: list[torch.Tensor] = []
        pipe.step(x) if rank == 0 else pipe.step(target=y, losses=losses)
        optimizer.step()
        if step == 4:
            scheduler.scale("block", 0.5)
            scheduler.set("head", weight_decay=0.0)
        scheduler.observe(loss=sum(one.item() for one in losses) if losses else None)
        scheduler.step()
    return {
        "whole": whole(stage),
        "groups": [group["name"] for group in optimizer.param_groups],
        "journal": [event.data for event in scheduler.journal if event.action != "freezing"],
    }


def edited_on_each() -> Any:
    """Every process may name what stands on another stage; nothing is sent unless it is asked for."""
    stage, optimizer, scheduler = staged()
    for step in range(3):
        for tensor in stage.parameters():
            tensor.grad = torch.ones_like(tensor)
        optimizer.step()
        scheduler.observe(loss=float(step))
        scheduler.scale("head", 0.5)
        scheduler.scale("block", 0.5)
        scheduler.step()
    told = [event.data for event in scheduler.journal if event.action != "freezing"]
    return told, {group["name"]: group["lr"] for group in optimizer.param_groups}, scheduler.rates


def stage_resumed() -> Any:
    """A stage goes on from its own states."""
    stage, optimizer, scheduler = staged()
    for tensor in stage.parameters():
        tensor.grad = torch.ones_like(tensor)
    optimizer.step()
    scheduler.scale("head", 0.5)
    scheduler.step()
    file = io.BytesIO()
    torch.save([optimizer.state_dict(), scheduler.state_dict()], file)
    file.seek(0)
    mine, theirs = torch.load(file, weights_only=True)
    _, later, clock = staged()
    later.load_state_dict(mine)
    clock.load_state_dict(theirs)
    return clock.rates == scheduler.rates, len(clock.journal) == len(scheduler.journal)


def lonely() -> Any:
    """One process that steps the whole batches."""
    model = network()
    plan = pg.plan(model, recipe(), steps=STEPS)
    optimizer, scheduler = training.build(plan, together=False)
    for step in range(STEPS):
        draw = torch.Generator().manual_seed(step)
        x = torch.randn(8, 4, generator=draw, dtype=torch.float64)
        y = torch.randint(0, 3, (8,), generator=draw)
        optimizer.zero_grad()
        parts = [functional.cross_entropy(model(a), b) for a, b in zip(x.chunk(2), y.chunk(2), strict=True)]
        (sum(parts) / 2).backward()  # type: ignore[union-attr]  # two tensors
        optimizer.step()
        if step == 4:
            scheduler.scale("block", 0.5)
            scheduler.set("head", weight_decay=0.0)
        scheduler.observe(loss=sum(one.item() for one in parts))
        scheduler.step()
    return whole(model)


SCENARIOS: dict[str, Scenario] = {
    "zero": by_zero,
    "zero, resumed": zero_resumed,
    "zero of ours": zero_of_ours,
    "zero, regrouped": zero_regrouped,
    **{
        f"zero, {name}": partial(zero_asked, pg.Recipe(optimizer="adamw", lr=0.02, **said))  # type: ignore[arg-type]  # by name
        for name, said in ASKED.items()
    },
    "pipeline": partial(through_pipeline, meta=False),
    "pipeline of meta": partial(through_pipeline, meta=True),
    "edited": edited_on_each,
    "stage, resumed": stage_resumed,
    "lonely": lonely,
}
