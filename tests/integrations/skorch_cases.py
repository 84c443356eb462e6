"""A small net, its data, and a recipe of it, as the tests of skorch use them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import paramgroups as pg
from paramgroups.integrations.skorch import RecipeClassifier
from paramgroups.schedules import cosine, warmup

ROWS, BATCH = 50, 8
EACH = 5  # batches of the 40 rows that are not held out

Data = tuple[Any, Any]


class Net(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(4, width)
        self.body = nn.Linear(width, width)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(self.stem(x).relu()).relu()).softmax(-1)
        return out


def data() -> Data:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(ROWS, 4)).astype("float32")
    return features, np.arange(ROWS) % 3


def recipe(head: float = 10, **said: Any) -> pg.Recipe:
    given: dict[str, Any] = {
        "optimizer": "adamw",
        "lr": 1e-2,
        "schedule": warmup("10%").then(cosine()),
        "rules": [
            pg.rule("head", lr_scale=head, group="head"),
            pg.rule("stem", trainable=False, until="50%"),
        ],
    }
    return pg.Recipe(**given | said)


def net(**said: Any) -> Any:
    given = {"recipe": recipe(), "max_epochs": 4, "batch_size": BATCH, "verbose": 0}
    return RecipeClassifier(Net, **given | said)


def weights(found: Any) -> list[Tensor]:
    return [one.detach().clone() for one in found.module_.parameters()]


def same(one: Any, other: Any) -> bool:
    return all(map(torch.equal, weights(one), weights(other)))


def judged() -> pg.Recipe:
    return recipe(controllers=[pg.control.plateau("head", "valid_loss", patience=0, threshold=0.9)])
