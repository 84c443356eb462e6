"""Lightning by hand: levels are written down in two places, and a resume forgets which of them had thawed."""

import lightning.pytorch as pl
from data import digits, pretrained
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader

PARTS = ("fc_layers.2", "fc_layers.0", "conv_layers.6", "conv_layers.3", "conv_layers.0")


class Digits(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = pretrained()

    def training_step(self, batch: list[Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def on_train_batch_start(self, *_: object) -> None:
        done = self.global_step / self.trainer.estimated_stepping_batches
        for turn, part in enumerate(PARTS):
            self.net.get_submodule(part).requires_grad_(done >= 0.5 * turn / 4)

    def configure_optimizers(self) -> object:
        levels = enumerate(self.net.get_submodule(part).parameters() for part in PARTS)
        optimizer = optim.AdamW([{"params": level, "lr": 1e-3 * 0.7**i} for i, level in levels])
        cosine = optim.lr_scheduler.CosineAnnealingLR(optimizer, int(self.trainer.estimated_stepping_batches))
        return [optimizer], [{"scheduler": cosine, "interval": "step"}]


def main() -> float:
    """The share of held-out digits that are told right."""
    pl.seed_everything(0, verbose=False)
    (train, held), module, log = digits(large=True), Digits(), pl.callbacks.LearningRateMonitor()
    pl.Trainer(max_epochs=2, callbacks=[log]).fit(module, DataLoader(train, 32))  # logs lr-AdamW/pg1, …
    return float((module.net(held.tensors[0]).argmax(1) == held.tensors[1]).float().mean())


if __name__ == "__main__":
    print(f"accuracy {main():.1%}")
