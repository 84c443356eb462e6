"""Change rates by hand while training, under a running schedule.

Use it in a notebook or a long run, when a part learns too fast or too slow. `scale` multiplies a group's
rate from now on, `set` gives it a new base; the schedule goes on multiplying both. The usual mistake is to
write `group["lr"]` under a scheduler of torch's: some undo the edit at the next step, others compound it.
"""

import torch
from digits import ConvNet, History, images_of, loader_of
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import cosine

EPOCHS = 4


def edit(scheduler: pg.Scheduler, epoch: int) -> None:
    """What a person decides after an epoch."""
    if epoch == 0:
        scheduler.scale("classifier", 0.5)
    if epoch == 1:
        scheduler.set("features", lr=0.004, weight_decay=0.0)


def main() -> tuple[pg.Plan, History]:
    """Train with two edits on the way."""
    torch.manual_seed(0)
    model, loader = ConvNet(), loader_of(images_of()[0])
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.002,
        schedule=cosine(end=0.1),
        rules=[pg.rule("features", group="features"), pg.rule("classifier", lr_scale=4)],
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader))
    print(plan)

    optimizer, scheduler = pg.build(plan)
    history = History()
    for epoch in range(EPOCHS):
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            history.note(optimizer, loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        edit(scheduler, epoch)
        rates = {name: round(rate, 6) for name, rate in scheduler.rates.items()}
        print(f"after epoch {epoch}: {rates}, loss {history.losses[-1]:.3f}")
    return plan, history


if __name__ == "__main__":
    main()
