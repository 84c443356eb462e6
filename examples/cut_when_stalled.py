"""Cut all rates when the validation loss stops falling.

Use it where the length of training is not known beforehand. A cut wants a patience, counted anew after each
cut, and a floor, here a share of every group's own rate. The usual mistake is to cut whenever the loss is
above some bound: while it is, the rate falls every epoch, to nothing. And a NaN is no bad epoch: it tells
nothing.
"""

import math
from dataclasses import dataclass

import torch
from digits import ConvNet, History, images_of, loader_of, validate
from torch.nn.functional import cross_entropy

import paramgroups as pg

EPOCHS, PATIENCE, FACTOR, FLOOR = 24, 3, 0.2, 0.01


@dataclass
class Plateau:
    """What to multiply the rates by after each loss: 1, or less when the last `PATIENCE` were no better."""

    best: float = math.inf
    waited: int = 0
    ratio: float = 1.0

    def factor(self, loss: float) -> float:
        """The factor for this loss. All factors together never go below the floor."""
        if math.isnan(loss):
            return 1.0
        self.waited = 0 if loss < self.best else self.waited + 1
        self.best = min(self.best, loss)
        if self.waited < PATIENCE:
            return 1.0
        cut = max(FACTOR, FLOOR / self.ratio)
        self.waited, self.ratio = 0, self.ratio * cut
        return cut


def main() -> tuple[pg.Plan, History, list[int]]:
    """Train until the epochs are over; also the epochs after which the rates were cut."""
    torch.manual_seed(0)
    model, (train, unseen) = ConvNet(), images_of()
    loader, plateau, history = loader_of(train), Plateau(), History()
    recipe = pg.Recipe(
        optimizer="adamw", lr=0.01, rules=[pg.rule(":head", lr_scale=2), pg.recipes.no_decay()]
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS)
    print(plan)

    optimizer, scheduler = pg.build(plan)
    cuts = []
    for epoch in range(EPOCHS):
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            history.note(optimizer, loss)
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()
        if (factor := plateau.factor(validate(model, unseen)[0])) < 1:
            scheduler.scale("**", factor)
            cuts.append(epoch)
            print(f"after epoch {epoch}: best loss {plateau.best:.4f}, all rates × {factor:.3g}")
    print(f"{len(cuts)} cuts in {EPOCHS} epochs; the rates are now {plateau.ratio:.3g} of the first")
    return plan, history, cuts


if __name__ == "__main__":
    main()
