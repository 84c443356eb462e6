"""A run with every kind of decision stops at every step, goes on from a file, and nothing is another."""

from pathlib import Path
from typing import Any

import pytest
import torch

import paramgroups as pg
from paramgroups.control import nonfinite, plateau, ratio, rollback, spike
from paramgroups.schedules import cosine, warmup
from tests.run.models import Net, loss_at, net, same, values
from tests.run.test_resume_guarded import all_of, equal

STEPS = 24
FAULTS = {6: 1e4, 13: float("nan"), 14: float("nan"), 19: float("inf")}
METRICS = {4: 1.0, 8: 0.9, 12: 0.9, 16: 0.9}

Parts = tuple[Net, torch.optim.Optimizer, pg.Scheduler]
CLASSES = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def started(kind: str, seed: int = 0) -> Parts:
    """Ours with guards, clipping and rows; torch's own without, and with its rates in tensors."""
    model, ours = net(seed), kind == "ours"
    guards = [
        nonfinite(),
        spike(least=4, patience=2),
        ratio("head", high=0.2, patience=0),
        rollback(after=2, every=3, factor=0.8),
    ]
    settings: dict[str, Any] = {"clip_norm": 1.0} if ours else {"weight_decay": 0.1}
    recipe = pg.Recipe(
        optimizer="adamw" if ours else kind,
        lr=0.02,
        schedule=warmup(4).then(cosine(end=0.01)),
        rules=[
            pg.rule("head", lr_scale=5, group="head"),
            *([pg.rule("blocks.1.fc.weight[0:2]", lr_scale=3)] if ours else []),
            pg.rule("stem", trainable=False, until=7, rewarm=3),
            pg.rule("blocks.0", trainable=False, start=10, until=15, moments="keep"),
        ],
        controllers=[plateau("head", "val_loss", factor=0.5, patience=1), *(guards if ours else [])],
        **settings,
    )
    plan = pg.plan(model, recipe, steps=STEPS)
    if ours:
        return model, *pg.build(plan)
    groups = plan.param_groups()
    if kind == "adamw":
        for group in groups:
            group["lr"] = torch.tensor(group["lr"])
    made = CLASSES[kind](groups)
    return model, made, pg.Scheduler(made, plan)


def run(parts: Parts, step: int) -> None:
    model, optimizer, scheduler = parts
    model.train()
    optimizer.zero_grad()
    loss_at(model, step).backward()
    if step in METRICS:
        scheduler.observe(val_loss=METRICS[step])
    if step == 6:
        scheduler.scale("head", 0.5, steps=5)
    if step == 11:
        optimizer.param_groups[0]["weight_decay"] *= 0.5
    if step in FAULTS and isinstance(optimizer, pg.Optimizer):
        for param in model.parameters():
            if param.grad is not None:
                param.grad.mul_(FAULTS[step])
    optimizer.step()
    scheduler.step()


def saved(path: Path, parts: Parts) -> None:
    pg.save(path, model=parts[0], optimizer=parts[1], scheduler=parts[2])


def resumed(path: Path, kind: str) -> Parts:
    parts = started(kind, seed=1)
    pg.load(path, model=parts[0], optimizer=parts[1], scheduler=parts[2])
    return parts


def everything(parts: Parts) -> list[Any]:
    parts[2].state_dict()  # guards judge the last update by then, as they do when it is saved
    return [values(parts[0]), *all_of(parts), parts[2].rates]


@pytest.mark.parametrize("kind", ["ours", "adamw", "sgd"])
def test_a_stop_after_every_step(kind: str, tmp_path: Path) -> None:
    whole = started(kind)
    told = [everything(whole)]
    saved(tmp_path / "0.safetensors", whole)
    for step in range(STEPS):
        run(whole, step)
        saved(tmp_path / f"{step + 1}.safetensors", whole)
        told.append(everything(whole))
    for stop in range(STEPS):
        again = resumed(tmp_path / f"{stop}.safetensors", kind)
        assert equal(told[stop], everything(again)), f"loaded at {stop}"
        for step in range(stop, min(stop + 8, STEPS)):
            run(again, step)
            assert equal(told[step + 1], everything(again)), f"stopped at {stop}, step {step}"


def test_the_run_has_every_kind_of_decision_in_it() -> None:
    parts = started("ours")
    for step in range(STEPS):
        run(parts, step)
    found = {(event.cause.split("(")[0], event.action) for event in parts[2].journal}
    assert found >= {
        ("nonfinite", "skip"), ("spike", "skip"), ("ratio", "scale"), ("rollback", "rollback"),
        ("rollback", "scale"), ("plateau", "scale"), ("scale", "scale"),
    }  # fmt: skip
    assert {event.hyper for event in parts[2].journal if event.cause == "written"} == {"weight_decay"}
    assert all(tensor.isfinite().all() for tensor in values(parts[0]).values())


def test_a_run_that_stops_between_an_update_and_its_tick(tmp_path: Path) -> None:
    whole = started("ours")
    for step in range(8):
        run(whole, step)
    loss_at(whole[0], 8).backward()
    whole[1].step()
    whole[2].scale("head", 0.5)
    saved(tmp_path / "last.safetensors", whole)
    again = resumed(tmp_path / "last.safetensors", "ours")
    assert equal(everything(whole), everything(again))
    for parts in (whole, again):
        parts[2].step()
        for step in range(9, 14):
            run(parts, step)
    assert equal(everything(whole), everything(again))
    assert same(values(whole[0]), values(again[0]))
