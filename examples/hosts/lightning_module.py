"""Lightning: a network that has learnt MNIST thaws level by level on other digits, each at its own rate."""

import lightning.pytorch as pl
from data import digits, pretrained
from torch import Tensor, nn
from torch.utils.data import DataLoader

import paramgroups as pg
from paramgroups.integrations.lightning import RecipeCallback, configure

RULES = [pg.recipes.layer_decay(0.7), pg.recipes.gradual_unfreezing(over="50%"), pg.recipes.no_decay()]
RECIPE = pg.Recipe(optimizer="adamw", lr=1e-3, schedule=pg.schedules.cosine(), rules=RULES)


class Digits(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = pretrained()

    def training_step(self, batch: list[Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> object:
        return configure(self, RECIPE)


def main() -> float:
    """The share of held-out digits that are told right."""
    pl.seed_everything(0, verbose=False)
    (train, held), module = digits(large=True), Digits()
    log = pl.loggers.CSVLogger("runs")  # has lr/depth 0, lr/depth 1, …
    pl.Trainer(max_epochs=2, logger=log, callbacks=[RecipeCallback()]).fit(module, DataLoader(train, 32))
    return float((module.net(held.tensors[0]).argmax(1) == held.tensors[1]).float().mean())


if __name__ == "__main__":
    print(f"accuracy {main():.1%}")
