"""Cut all rates when the validation loss stops falling.

Use it where the length of training is not known beforehand. A cut wants a patience, counted anew after each
cut, and a floor, here a share of every group's own rate. The usual mistake is to cut whenever the loss is
above some bound: while it is, the rate falls every epoch, to nothing. And a NaN is no bad epoch: it tells
nothing.
"""

import torch
from digits import ConvNet, History, images_of, loader_of, validate
from torch.nn.functional import cross_entropy

import paramgroups as pg

EPOCHS, PATIENCE, FACTOR, FLOOR = 24, 2, 0.2, 0.01


def main() -> tuple[pg.Plan, History, pg.Scheduler]:
    """Train until the epochs are over."""
    torch.manual_seed(0)
    model, (train, unseen) = ConvNet(), images_of()
    loader, history = loader_of(train), History()
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.01,
        rules=[pg.rule(":head", lr_scale=2), pg.recipes.no_decay()],
        controllers=[pg.control.plateau("**", "val_loss", factor=FACTOR, patience=PATIENCE, floor=FLOOR)],
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS)
    print(plan)

    optimizer, scheduler = pg.build(plan)
    for epoch in range(EPOCHS):
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            history.note(optimizer, loss)
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()
        val_loss, _ = validate(model, unseen)
        if scheduler.observe(val_loss=val_loss):
            print(f"epoch {epoch}: {val_loss:.4f} is the third in a row that is no better, so rates are cut")
    print(scheduler.journal)
    print(scheduler.explain("classifier.weight"))
    return plan, history, scheduler


if __name__ == "__main__":
    main()
