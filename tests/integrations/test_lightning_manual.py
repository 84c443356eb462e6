"""Manual optimization: the user steps optimizers and schedulers, one or several."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.errors import PlanError
from tests.integrations.lightning_modules import (
    OF_THE_HOST,
    L,
    Net,
    RecipeCallback,
    configure,
    same,
    saving,
    scheduler_of,
    trainer,
    weights,
)

pytestmark = OF_THE_HOST

RECIPE = pg.Recipe(
    optimizer="adam",
    lr=1e-2,
    schedule=pg.schedules.linear(),
    rules=[pg.rule("0", lr_scale=0.5, trainable=False, until="30%")],
)


class Manual(Net):
    """One optimizer, stepped by hand."""

    ticks = True

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.automatic_optimization = False

    def training_step(self, batch: tuple[Tensor, Tensor]) -> None:  # type: ignore[override]  # the loss is used here
        x, y = batch
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(cross_entropy(self(x), y))
        optimizer.step()
        if self.ticks:
            scheduler: Any = self.lr_schedulers()
            scheduler.step()


class Pair(L.LightningModule):
    """A generator and a critic that follows it, each with a recipe of its own."""

    def __init__(self, rounds: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.automatic_optimization = False
        self.generator = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        self.critic = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
        self.rounds = rounds

    def configure_optimizers(self) -> Any:
        quick = pg.Recipe(optimizer="sgd", lr=0.05, schedule=pg.schedules.cosine())
        steps = self.rounds * int(self.trainer.estimated_stepping_batches)
        return (
            configure(self, RECIPE, part=self.generator),
            configure(self, quick, part=self.critic, steps=steps),
        )

    def training_step(self, batch: tuple[Tensor, Tensor]) -> None:
        generator, critic = self.optimizers()
        of_generator, of_critic = self.lr_schedulers()
        for _ in range(self.rounds):
            self._step(critic, self.critic(self.generator(batch[0]).detach()).square().mean())
            of_critic.step()
        self._step(generator, self.critic(self.generator(batch[0])).mean())
        of_generator.step()

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def train_dataloader(self) -> Any:
        return Net().train_dataloader()


def test_one_optimizer_by_hand() -> None:
    fitting = trainer(max_epochs=4)
    fitting.fit(Manual())
    assert scheduler_of(fitting).last_epoch == 20


def test_a_scheduler_that_is_not_stepped_is_told() -> None:
    class Forgetful(Manual):
        ticks = False

    with pytest.raises(PlanError, match="more than the scheduler has ticked"):
        trainer(max_epochs=4).fit(Forgetful())


@pytest.mark.parametrize("rounds", [1, 3])
def test_two_parts_have_optimizers_and_lengths_of_their_own(rounds: int) -> None:
    fitting = trainer(max_epochs=4)
    module = Pair(rounds)
    before = weights(module)
    fitting.fit(module)
    generator, critic = (config.scheduler for config in fitting.lr_scheduler_configs)
    assert (generator.last_epoch, critic.last_epoch) == (20, 20 * rounds)
    assert not any(torch.equal(before[name], tensor) for name, tensor in weights(module).items())
    assert generator.plan["0.weight"].lr == 5e-3


def test_a_resume_of_two_parts_is_exact(tmp_path: Path) -> None:
    whole, again = Pair(), Pair()
    saving(tmp_path, max_epochs=4).fit(whole)
    saving(tmp_path, max_epochs=4).fit(again, ckpt_path=tmp_path / "10.ckpt")
    assert same(weights(whole), weights(again))


def test_the_rates_of_two_parts_are_logged_under_the_names_of_the_parts(tmp_path: Path) -> None:
    logger = L.loggers.CSVLogger(tmp_path)
    trainer(max_epochs=1, logger=logger, callbacks=[RecipeCallback(every=1)]).fit(Pair())
    header = (Path(logger.log_dir) / "metrics.csv").read_text().splitlines()[0]
    assert set(header.split(",")) == {
        "lr/generator/0",
        "lr/generator/default",
        "lr/critic/default",
        "step",
    }
