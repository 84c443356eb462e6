"""The first group's rate falls to 0.95 of itself each epoch, the second group's stays.

Use it where one part should settle and another go on learning. A schedule belongs to a rule, so the group
without one is simply held; `exponential(0.95)` falls at each tick, which here is an epoch. The usual mistakes
are a `LambdaLR` that multiplies the current rate, so that the decay compounds, and `scheduler.step()` before
`optimizer.step()`, so that the first epoch's rate is skipped.
"""

import torch
from digits import ConvNet, History, images_of, loader_of
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import exponential

EPOCHS = 5


def main() -> tuple[pg.Plan, History]:
    """Train with one decaying and one constant rate."""
    torch.manual_seed(0)
    model, loader = ConvNet(), loader_of(images_of()[0])
    recipe = pg.Recipe(
        optimizer="sgd",
        lr=0.1,
        rules=[
            pg.rule("features", group="first", schedule=exponential(0.95)),
            pg.rule("classifier", group="second", lr=0.01),
        ],
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS)  # without steps_per_epoch the scheduler ticks once an epoch
    print(plan)

    optimizer, scheduler = pg.build(plan)
    history = History()
    for epoch in range(EPOCHS):
        rates = {name: round(rate, 6) for name, rate in scheduler.rates.items()}
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            history.note(optimizer, loss)
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()
        print(f"epoch {epoch}: {rates}, loss {history.losses[-1]:.3f}")
    return plan, history


if __name__ == "__main__":
    main()
