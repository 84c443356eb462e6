"""Halve every group's rate at even distances, torch's `StepLR`, over groups of different rates.

A schedule is a factor on each group's own rate, so the groups keep their ratios. This runs torch's `StepLR`
beside it, and the numbers are the same. The usual mistake is to write the scheduled number itself into
every group, `for group in optimizer.param_groups: group["lr"] = rate`, which makes all groups one.
"""

import torch
from digits import ConvNet, History, images_of, loader_of
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import StepLR

import paramgroups as pg
from paramgroups.schedules import step

EPOCHS = 6


def main() -> tuple[pg.Plan, History, list[list[float]]]:
    """Train; also the rates of torch's scheduler over the same groups, epoch by epoch."""
    torch.manual_seed(0)
    model, loader = ConvNet(), loader_of(images_of()[0])
    recipe = pg.Recipe(
        optimizer="sgd",
        lr=0.02,
        momentum=0.9,
        schedule=step(0.5, every="2 epochs"),
        rules=[pg.rule("features.{0,1}", lr_scale=0.1), pg.rule("classifier", lr_scale=5)],
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS)
    print(plan)

    optimizer, scheduler = pg.build(plan)
    theirs = StepLR(torch.optim.SGD(plan.param_groups()), step_size=2, gamma=0.5)
    history, rates = History(), []
    for epoch in range(EPOCHS):
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            history.note(optimizer, loss)
            optimizer.step()
            optimizer.zero_grad()
        rates.append([float(rate) for rate in theirs.get_last_lr()])
        print(f"epoch {epoch}: {scheduler.get_last_lr()}, torch's StepLR {rates[-1]}")
        scheduler.step()
        theirs.optimizer.step()  # without gradients it changes nothing
        theirs.step()
    print(history)
    return plan, history, rates


if __name__ == "__main__":
    main()
