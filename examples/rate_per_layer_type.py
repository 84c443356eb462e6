"""A rate for each type of layer: convolutions, batch norms and the linear classifier of a small CNN.

Use it where layers of one kind want another rate than the rest, wherever in the model they stand. The usual
mistake is to pick the layers by hand, `model.conv1.parameters()` and so on: those in between, here the
batch norms, are then in no group and never trained, and nothing says so.
"""

import torch
from digits import ConvNet, History, images_of, loader_of
from torch.nn.functional import cross_entropy

import paramgroups as pg

EPOCHS = 2


def main() -> tuple[pg.Plan, History]:
    """Train with a rate per layer type."""
    torch.manual_seed(0)
    model, loader = ConvNet(), loader_of(images_of()[0])
    recipe = pg.Recipe(
        optimizer="sgd",
        lr=0.05,
        momentum=0.9,
        schedule=pg.schedules.cosine(end=0.01),
        rules=pg.recipes.by_type(
            {"Conv2d": {"lr": 0.03}, "BatchNorm2d": {"lr": 0.02}, "Linear": {"lr": 0.1}},
        ),
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader))
    print(plan)

    optimizer, scheduler = pg.build(plan)
    history = History()
    for _ in range(EPOCHS):
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            history.note(optimizer, loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    print(history)
    return plan, history


if __name__ == "__main__":
    main()
