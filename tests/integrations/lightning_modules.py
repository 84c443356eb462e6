"""Small modules and trainers for the tests of the Lightning integration."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import paramgroups as pg
from paramgroups.rules import Recipe
from tests.support import import_transformers

import_transformers()  # Lightning looks for torchvision

# ruff: noqa: E402  # Lightning comes after what it looks for
import lightning.pytorch as L  # noqa: N812  # its users' name for it
from lightning.fabric.plugins.environments import TorchElasticEnvironment
from lightning.pytorch.tuner import Tuner

from paramgroups.integrations.lightning import BackboneFinetuning, RecipeCallback, configure

__all__ = ["BackboneFinetuning", "L", "RecipeCallback", "TorchElasticEnvironment", "Tuner", "configure"]

OF_THE_HOST = [
    # Lightning flattens its loaders by a function that newer versions of torch have renamed.
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"),
    # Tiny data in the process itself are meant.
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    # What a plan freezes is held in evaluation, and Lightning tells that it is.
    pytest.mark.filterwarnings("ignore:Found [0-9]+ module.s. in eval mode at the start of training"),
    # Fewer updates than Lightning logs once in.
    pytest.mark.filterwarnings(
        "ignore:The number of training batches .* is smaller than the logging interval"
    ),
    # Folders of checkpoints are used again.
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]

RECIPE = pg.Recipe(
    optimizer="adamw",
    lr=1e-2,
    schedule=pg.schedules.cosine(),
    rules=[pg.rule("head", lr_scale=10), pg.rule("backbone", trainable=False, until="50%")],
)
CUT = pg.control.plateau(
    "head", "val_loss", factor=0.5, patience=0, threshold=10.0, threshold_mode="absolute"
)
"""Halves the head's rate from the second validation on, whatever that finds."""


def data(count: int = 40) -> TensorDataset:
    """Four numbers, two classes."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 4, generator=generator)
    return TensorDataset(inputs, (inputs[:, 0] > 0).long())


class Net(L.LightningModule):
    """A backbone with batch norm, and a head.

    Args:
        configured: What it returns from `configure_optimizers`; from a recipe by `configure`.
        lr: The recipe's common rate.
        **options: For `configure`.
    """

    backbone: Any
    head: Any

    def __init__(
        self, configured: Recipe | Callable[[Any], Any] = RECIPE, lr: float | None = None, **options: Any
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.backbone = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8))
        self.head = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 2))
        self.configured, self.lr, self.options = configured, lr, options
        self.batch_size = 8
        self.rates: list[dict[str, float]] = []

    def configure_optimizers(self) -> Any:
        if isinstance(self.configured, Recipe):
            return configure(self, self.configured, lr=self.lr, **self.options)
        return self.configured(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.backbone(x))
        return out

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        x, y = batch
        optimizer = self.trainer.optimizers[0]
        self.rates.append({group.get("name", ""): group["lr"] for group in optimizer.param_groups})
        return cross_entropy(self(x), y)

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        x, y = batch
        self.log("val_loss", cross_entropy(self(x), y))

    def train_dataloader(self) -> Any:
        return DataLoader(data(), batch_size=self.batch_size)

    def val_dataloader(self) -> Any:
        return DataLoader(data(16), batch_size=16)


def trainer(**options: Any) -> L.Trainer:
    """A quiet trainer on the CPU that writes nothing unless it is told to."""
    quiet = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "limit_val_batches": 0,
    }
    return L.Trainer(**(quiet | options))


def saving(folder: Path, **options: Any) -> L.Trainer:
    """A trainer that keeps a checkpoint of every epoch, `5.ckpt` after five updates, or of every update."""
    each = L.callbacks.ModelCheckpoint(
        folder,
        filename="{step}",
        save_top_k=-1,
        every_n_train_steps=options.pop("every", None),
        auto_insert_metric_name=False,
    )
    callbacks = [*options.pop("callbacks", []), each]
    return trainer(enable_checkpointing=True, callbacks=callbacks, **options)


def weights(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all weights and buffers."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether all are equal in every bit."""
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def scheduler_of(trained: L.Trainer) -> pg.Scheduler:
    """The only scheduler of a trainer."""
    (config,) = trained.lr_scheduler_configs
    found = config.scheduler
    assert isinstance(found, pg.Scheduler)
    return found
