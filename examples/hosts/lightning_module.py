"""Lightning: what knows the digits 0 to 4 learns 5 to 9, level by level, each at a rate of its own."""

import lightning.pytorch as pl
from data import digits
from torch import Tensor, nn
from torch.utils.data import DataLoader

import paramgroups as pg
from paramgroups.integrations.lightning import RecipeCallback, configure

RULES = [pg.recipes.layer_decay(0.7), pg.recipes.gradual_unfreezing("2 epochs")]
FIRST = pg.Recipe(optimizer="adamw", lr=5e-3, schedule=pg.schedules.cosine())
THEN = pg.Recipe(optimizer="adamw", lr=1e-2, schedule=pg.schedules.cosine(), rules=RULES)


class _Digits(pl.LightningModule):  # type: ignore[misc]  # its types are not read
    def training_step(self, batch: list[Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> dict[str, object]:
        return configure(self, self.recipe)


def main() -> float:
    """The share of unseen digits that are told right."""
    pl.seed_everything(0, verbose=False)
    body = nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(), nn.Flatten()
    (module := _Digits()).net = nn.Sequential(*body, nn.Linear(128, 5))
    for module.recipe, classes in ((FIRST, range(5)), (THEN, range(5, 10))):
        (train, held), log = digits(classes), RecipeCallback(every=10)
        trainer = pl.Trainer(max_epochs=8, logger=pl.loggers.CSVLogger("runs"), callbacks=[log])
        trainer.fit(module, DataLoader(train, 32, shuffle=True))
    accuracy = float((module.net(held[:][0]).argmax(1) == held[:][1]).float().mean())
    print(f"accuracy {accuracy:.1%}")
    return accuracy


if __name__ == "__main__":
    main()
