"""What the examples share: scikit-learn's handwritten digits, a small network, and a record of training."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

import paramgroups as pg

torch.set_num_threads(1)  # Networks this small lose more by a second thread than they gain.

Loader = DataLoader[tuple[Tensor, ...]]


class ConvNet(nn.Module):
    """Images of 8 × 8, (n, 1, 8, 8), to scores of the classes, (n, classes)."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(32 * 2 * 2, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the classes."""
        scores: Tensor = self.classifier(self.features(images))
        return scores


def images_of(classes: Sequence[int] = range(10)) -> tuple[TensorDataset, TensorDataset]:
    """The digits of some classes, labelled from 0: three quarters to train on, one to validate on."""
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
    digits = torch.tensor(data.target)
    chosen = torch.isin(digits, torch.tensor(list(classes)))
    images, labels = images[chosen], digits[chosen] - min(classes)
    held = torch.arange(len(labels)) % 4 == 0
    return TensorDataset(images[~held], labels[~held]), TensorDataset(images[held], labels[held])


def few_of(data: TensorDataset, each: int, seed: int) -> tuple[Tensor, Tensor]:
    """A few images of each class and their labels, drawn by the seed."""
    images, labels = data.tensors
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    few = torch.cat([order[labels[order] == label][:each] for label in labels.unique()])
    return images[few], labels[few]


def loader_of(data: TensorDataset, seed: int = 0, size: int = 64) -> Loader:
    """Shuffled batches, the same for the same seed; a short last one is left out."""
    order = torch.Generator().manual_seed(seed)
    return DataLoader(data, size, shuffle=True, drop_last=True, generator=order)


@torch.no_grad()
def validate(model: nn.Module, data: TensorDataset) -> tuple[float, float]:
    """Loss and accuracy; the model is left in training mode."""
    images, labels = data.tensors
    scores = model.eval()(images)
    model.train()
    return float(cross_entropy(scores, labels)), float((scores.argmax(1) == labels).float().mean())


def pretrained(classes: Sequence[int] = range(5), seed: int = 0, epochs: int = 4) -> ConvNet:
    """A network that knows some digits, with one rate for all its parameters."""
    torch.manual_seed(seed)
    model = ConvNet(len(classes))
    loader = loader_of(images_of(classes)[0], seed)
    recipe = pg.Recipe(optimizer="adamw", lr=5e-3, schedule=pg.schedules.cosine())
    optimizer, scheduler = pg.build(pg.plan(model, recipe, epochs=epochs, steps_per_epoch=len(loader)))
    for _ in range(epochs):
        for images, labels in loader:
            cross_entropy(model(images), labels).backward()
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    return model


@dataclass
class History:
    """What stood in the optimizer at each update: the loss, and every group's settings."""

    losses: list[float] = field(default_factory=list)
    groups: list[dict[str, dict[str, Any]]] = field(default_factory=list)

    def note(self, optimizer: Optimizer, loss: Tensor) -> None:
        """Write down an update that is about to be made."""
        self.losses.append(loss.item())
        self.groups.append({group["name"]: dict(group) for group in optimizer.param_groups})

    def values(self, group: str, setting: str = "lr") -> list[Any]:
        """One setting of one group at every update."""
        return [groups[group][setting] for groups in self.groups]

    def __str__(self) -> str:
        return f"loss {self.losses[0]:.3f} at first, {self.losses[-1]:.3f} after {len(self.losses)} updates"
