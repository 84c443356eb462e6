"""A run that is stopped and goes on from Lightning's checkpoint has the weights of one that never stopped."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramgroups as pg
from paramgroups.schedules import cosine, warmup
from tests.integrations.lightning_modules import (
    CUT,
    OF_THE_HOST,
    BackboneFinetuning,
    Net,
    RecipeCallback,
    data,
    same,
    saving,
    scheduler_of,
    weights,
)

pytestmark = OF_THE_HOST

UNFREEZING = pg.Recipe(
    optimizer="adamw",
    lr=1e-2,
    schedule=warmup("10%").then(cosine()),
    rules=[pg.recipes.gradual_unfreezing(every="1 epoch"), pg.rule("**", rewarm=3), pg.recipes.no_decay()],
)
FED = pg.Recipe(
    optimizer="sgd",
    lr=0.1,
    momentum=0.9,
    rules=[pg.rule("head", group="head", lr_scale=2)],
    controllers=[CUT, pg.control.spike(least=4)],
)


class Last(Net):
    """The same batch all the time, so that a run may stop within an epoch."""

    def train_dataloader(self) -> Any:
        one = data(8)
        return DataLoader([one[i] for i in range(8)] * 5, batch_size=8)  # type: ignore[arg-type]  # a list has all that is asked


@pytest.mark.parametrize("stopped", [5, 10, 15, 20])
@pytest.mark.parametrize("recipe", [UNFREEZING, FED], ids=["unfreezing", "controllers"])
def test_a_resume_is_exact_at_every_epoch(recipe: pg.Recipe, stopped: int, tmp_path: Path) -> None:
    whole = Net(recipe)
    unbroken = saving(tmp_path, max_epochs=5, limit_val_batches=1, callbacks=[RecipeCallback()])
    unbroken.fit(whole)
    again = Net(recipe)
    resumed = saving(tmp_path, max_epochs=5, limit_val_batches=1, callbacks=[RecipeCallback()])
    resumed.fit(again, ckpt_path=tmp_path / f"{stopped}.ckpt")
    assert same(weights(whole), weights(again))
    assert again.rates == whole.rates[stopped:]
    assert scheduler_of(resumed).journal == scheduler_of(unbroken).journal
    flags = [[parameter.requires_grad for parameter in module.parameters()] for module in (whole, again)]
    assert flags[0] == flags[1]


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
@pytest.mark.parametrize("updates", [3, 7, 12])
def test_a_resume_within_an_epoch_is_exact(updates: int, tmp_path: Path) -> None:
    whole, again = Last(UNFREEZING), Last(UNFREEZING)
    saving(tmp_path, every=1, max_epochs=4).fit(whole)
    saving(tmp_path, every=1, max_epochs=4).fit(again, ckpt_path=tmp_path / f"{updates}.ckpt")
    assert again.rates == whole.rates[updates:]
    assert same(weights(whole), weights(again))


@pytest.mark.parametrize("stopped", [5, 10, 15])
def test_finetuning_of_a_backbone_goes_on_exactly(stopped: int, tmp_path: Path) -> None:
    def plain(self: Any) -> Any:
        return torch.optim.Adam(filter(lambda p: p.requires_grad, self.parameters()), lr=1e-2)

    whole, again = Net(plain), Net(plain)
    saving(tmp_path, max_epochs=4, callbacks=[BackboneFinetuning(2)]).fit(whole)
    resumed = saving(tmp_path, max_epochs=4, callbacks=[BackboneFinetuning(2)])
    resumed.fit(again, ckpt_path=tmp_path / f"{stopped}.ckpt")
    assert same(weights(whole), weights(again))
