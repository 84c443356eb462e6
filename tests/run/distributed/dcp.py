"""Runs that torch.distributed.checkpoint saves on some processes, and loads on others."""

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as load_state
from torch.distributed.checkpoint.state_dict_saver import save as save_state
from torch.distributed.fsdp import fully_shard

import paramgroups as pg
from paramgroups.control import plateau
from paramgroups.indexing import named_parameters
from tests.run.distributed.training import THROUGH, Plain, Values, build, network, update, whole

MANY, FEW = 4, 2
STEPS, MORE = 12, 3
SAVED_AT = {"usual": 5, "edited": 5, "thawed": 5, "frozen": 7}
"""After how many updates each run is saved."""
SAVED = (("edited", "nested"), *((name, "flat") for name in SAVED_AT))
"""The runs and the forms of their optimizers that are saved."""
LOADED = (
    *((name, form, name) for name, form in SAVED),
    ("usual", "flat", "merged"),
    ("usual", "flat", "split"),
)
"""Which run is loaded in which form, into one of which recipe."""

USUAL = (pg.rule("head", lr_scale=10), pg.rule(":norm | :bias", weight_decay=0.0))
RULES: dict[str, tuple[pg.Rule, ...]] = {
    "usual": USUAL,
    "merged": (),
    "split": (*USUAL, pg.rule("block", lr_scale=0.5), pg.rule("stem.0.bias", lr_scale=0.25)),
    "edited": USUAL,
    "thawed": THROUGH,
    "frozen": THROUGH,
}
HEARS = ("edited",)
"""These observe a metric, and are edited."""

Run = tuple[Plain, pg.Optimizer, pg.Scheduler]


def begun(name: str, *, scale: float = 1.0) -> Run:
    """A model spread over all processes, and what its recipe asks for.

    Args:
        name: The recipe's.
        scale: What the first weights are multiplied by, so that loading is seen.
    """
    model = network()
    with torch.no_grad():
        for param in model.parameters():
            param.mul_(scale)
    controllers = [plateau("head", "loss", patience=1)] if name in HEARS else []
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.02,
        weight_decay=0.1,
        schedule=pg.schedules.cosine(),
        rules=RULES[name],
        controllers=controllers,
    )
    plan = pg.plan(model, recipe, steps=STEPS)
    optimizer, scheduler = build(plan, model=spread(model))
    return model, optimizer, scheduler


def spread(model: Plain) -> nn.Module:
    if dist.is_initialized():
        mesh = dist.device_mesh.init_device_mesh("cpu", (dist.get_world_size(),))
        for part in (model.stem, model.block, model.head, model):
            fully_shard(part, mesh=mesh)
    return model


def train(run: Run, steps: range, *, hears: bool = False) -> None:
    model, optimizer, scheduler = run
    for step in steps:
        update(model, optimizer, step)
        if hears:
            scheduler.observe(loss=1.0)
        if hears and step == 2:
            scheduler.scale("head", 0.5)
        scheduler.step()


def options_of(form: str) -> StateDictOptions:
    return StateDictOptions(flatten_optimizer_state_dict=form == "flat", strict=False)


def save(folder: Path) -> dict[str, Any]:
    """Train each run, save it in both forms, and go on."""
    found = {}
    for name, at in SAVED_AT.items():
        run = begun(name)
        train(run, range(at), hears=name in HEARS)
        for form in (form for saved, form in SAVED if saved == name):
            model, optimizer = get_state_dict(run[0], run[1], options=options_of(form))
            state = {"model": model, "optimizer": optimizer, "scheduler": run[2].state_dict()}
            save_state(state, checkpoint_id=folder / f"{name}, {form}")
        found[name] = told(run)
        train(run, range(at, at + MORE), hears=name in HEARS)
        found[f"{name}, later"] = told(run)
    return found


def load(folder: Path, name: str, form: str, into: str) -> dict[str, Any]:
    """Load what was saved into a run of another recipe, or of the same; and go on.

    Args:
        folder: Where it was saved.
        name: The saved run.
        form: How its optimizer was saved.
        into: The recipe of the run that goes on.
    """
    run = begun(into, scale=2.0)
    where, options = folder / f"{name}, {form}", options_of(form)
    state: dict[str, Any] = {"scheduler": run[2].state_dict()}
    read(state, where)
    run[2].load_state_dict(state["scheduler"])  # first, as it freezes what is frozen by now
    state = dict(zip(("model", "optimizer"), get_state_dict(run[0], run[1], options=options), strict=True))
    read(state, where)
    set_state_dict(
        run[0], run[1], model_state_dict=state["model"], optim_state_dict=state["optimizer"], options=options
    )
    found = {"now": told(run)}
    train(run, range(SAVED_AT[name], SAVED_AT[name] + MORE), hears=into in HEARS)
    return found | {"later": told(run)}


def read(state: dict[str, Any], where: Path) -> None:
    """Read what a state has the keys of; torch raises what is no `Exception`."""
    try:
        load_state(state, checkpoint_id=where)
    except CheckpointException as error:
        raise KeyError(str(error)) from error


def told(run: Run) -> dict[str, Any]:
    """Weights, memory, rates and decisions, all by name."""
    model, optimizer, scheduler = run
    names = {id(param): name for name, param in named_parameters(model)}
    members = [(group, param) for group in optimizer.param_groups for param in group["params"]]
    return {
        "whole": whole(model),
        "state": {names[id(param)]: gathered(state) for param, state in optimizer.state.items() if state},
        "rates": {names[id(param)]: group["lr"] for group, param in members},
        "journal": [event.data for event in scheduler.journal],
        "tick": scheduler.last_epoch,
    }


def gathered(state: dict[str, Any]) -> Values:
    return {
        key: (one.full_tensor() if hasattr(one, "full_tensor") else one).clone() for key, one in state.items()
    }
