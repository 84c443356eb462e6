"""The small networks that the set-ups train, and a few steps of training."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Classifier(nn.Module):
    """Two blocks with layer norm, and a head."""

    def __init__(self, classes: int = 4, width: int = 16) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Linear(8, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width)
        )
        self.head = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.backbone(x))

    def example(self) -> torch.Tensor:
        return torch.randn(6, 8)


class ConvNet(nn.Module):
    """A backbone with batch norm, and a head: like a small ResNet."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        )  # fmt: skip
        self.fc = nn.Linear(8, classes)

    def forward(self, x: torch.Tensor) -> Any:
        return self.fc(self.backbone(x).mean((2, 3)))

    def example(self) -> torch.Tensor:
        return torch.randn(4, 3, 6, 6)


class Block(nn.Module):
    """A residual block of a language model."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> Any:
        return x + self.fc2(functional.gelu(self.fc1(self.norm(x))))


class Language(nn.Module):
    """Embedding, blocks, norm and a head over the vocabulary."""

    def __init__(self, vocabulary: int = 20, width: int = 16, depth: int = 3, *, tied: bool = False) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.lm_head.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> Any:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.lm_head(self.norm(x))

    def example(self) -> torch.Tensor:
        return torch.randint(0, self.embed.num_embeddings, (4, 5))


def cost(model: Any) -> torch.Tensor:
    """The loss of a batch whose right answer is always class 0."""
    logits = model(model.example()).flatten(0, -2)
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))


def nothing() -> None:
    """What comes after a step where there is no scheduler."""


def train(model: Any, optimizer: Any, steps: int, after: Callable[[], Any] = nothing) -> None:
    """So many steps of an ordinary loop; `after` each of them, such as `scheduler.step`."""
    for _ in range(steps):
        optimizer.zero_grad()
        cost(model).backward()
        optimizer.step()
        after()


def pretrain(model: Any) -> Any:
    """The model as if it came from a checkpoint of earlier training."""
    train(model, torch.optim.Adam(model.parameters(), lr=0.01), 30)
    model.zero_grad()
    return model


def decay_groups(model: nn.Module, decay: float, **settings: Any) -> list[dict[str, Any]]:
    """Matrices with decay; biases, norms and embeddings without."""
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    live = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in live if p.ndim > 1 and id(p) not in embeddings]
    others = [p for p in live if p.ndim <= 1 or id(p) in embeddings]
    return [
        {"params": matrices, "weight_decay": decay, **settings},
        {"params": others, "weight_decay": 0.0, **settings},
    ]
