"""A schedule of its own for each group, one of them a function written here.

Use it where parts want different times: a new head warms up, batch norm slows down early, the rest follows a
curve of your own. A function maps progress, 0 to 1, to a factor, and the plan shows every rate before
training. The usual mistake is a list of lambdas for `LambdaLR`, matched to the groups by position, which a
new group shifts.
"""

import math

import torch
from digits import ConvNet, History, images_of, loader_of
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import cosine, function, milestones, warmup

EPOCHS = 3


def wave(progress: float) -> float:
    """Up from 0.5 to 1 at half time, and down again."""
    return 0.5 + 0.5 * math.sin(math.pi * progress)


def main() -> tuple[pg.Plan, History]:
    """Train with three schedules."""
    torch.manual_seed(0)
    model, loader = ConvNet(), loader_of(images_of()[0])
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.005,
        schedule=function("wave", wave),
        rules=[
            pg.rule("@BatchNorm2d", group="norms", schedule=milestones(0.1, at=["1 epoch"])),
            pg.rule(
                "classifier", group="head", lr_scale=2, schedule=warmup("1 epoch").then(cosine(end=0.01))
            ),
        ],
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader))
    print(plan)
    for step in (0, 10, 30, 60):
        rates = {group.name: round(plan.at(step)[group.names[0]].lr, 6) for group in plan.groups}
        print(f"planned at step {step}: {rates}")

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
