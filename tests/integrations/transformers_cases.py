"""What tests of transformers' Trainer train: a small network, its data, and what they look at meanwhile."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import TrainerCallback, TrainingArguments

import paramgroups as pg
from paramgroups.integrations.transformers import RecipeArguments, RecipeTrainer

WIDTH = 4


@pytest.fixture(scope="module")
def little_garbage() -> Iterator[None]:
    """Each training collects garbage: what was loaded before is none."""
    gc.freeze()
    yield
    gc.unfreeze()


class Net(nn.Module):
    """A stem with batch norm, a body and a head, with the loss as the Trainer wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.BatchNorm1d(WIDTH)
        self.body = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.head(self.body(self.norm(self.stem(x))).tanh())
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class Full(Net):
    """A network that fits into memory with few examples at a time."""

    most = 2

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        if len(x) > self.most:
            raise RuntimeError("CUDA out of memory.")
        return super().forward(x, labels)


def net(kind: type[Net] = Net) -> Net:
    torch.manual_seed(0)
    return kind()


def data(count: int = 24) -> list[dict[str, Any]]:
    numbers = torch.Generator().manual_seed(1)
    return [{"x": torch.randn(WIDTH, generator=numbers), "labels": one % 2} for one in range(count)]


SETTINGS: dict[str, Any] = {
    "use_cpu": True,
    "disable_tqdm": True,
    "report_to": "none",
    "save_strategy": "no",
    "logging_steps": 1,
    "per_device_train_batch_size": 4,
    "num_train_epochs": 1,
}


def arguments(folder: Path, **said: Any) -> Any:
    return TrainingArguments(str(folder), **(SETTINGS | said))


def named_arguments(folder: Path, **said: Any) -> Any:
    return RecipeArguments(str(folder), **(SETTINGS | said))


def recipe(*rules: Any, **said: Any) -> pg.Recipe:
    known: dict[str, Any] = {"optimizer": "adamw", "lr": 1e-2, "schedule": pg.schedules.cosine()}
    return pg.Recipe(**(known | said), rules=[pg.rule("head", lr_scale=10, group="head"), *rules])


def trainer(folder: Path, model: Any = None, *, by: Any = None, **said: Any) -> Any:
    """A trainer of the network by a recipe; what is said beside is for its arguments."""
    known = {key: said.pop(key) for key in ("callbacks", "statistics", "eval_dataset") if key in said}
    rows = said.pop("train_dataset", None) or data()
    return RecipeTrainer(
        model=net() if model is None else model,
        args=arguments(folder, **said),
        train_dataset=rows,
        recipe=recipe() if by is None else by,
        **known,
    )


class Applied(TrainerCallback):
    """The rate of every parameter by name, as each update finds it in the optimizer."""

    def __init__(self) -> None:
        self.rates: list[dict[str, float]] = []

    def on_pre_optimizer_step(self, *_: Any, **known: Any) -> None:
        groups = known["optimizer"].param_groups
        self.rates.append({name: one["lr"] for one in groups for name in one["param_names"]})


class Stops(TrainerCallback):
    """Somebody interrupts the training after some updates."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_step_end(self, _args: Any, state: Any, *_: Any, **_known: Any) -> None:
        if state.global_step == self.after:
            raise KeyboardInterrupt


def equal(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(name == same and torch.equal(x, y) for (name, x), (same, y) in pairs)


def planned(plan: pg.Plan, step: int) -> dict[str, float]:
    """The rates of what is ever trained at a step."""
    at = plan.at(step)
    return {name: at[name].lr for group in plan.groups for name in group.names}
