"""Momentum, Nesterov, weight decay and their schedules, each per group.

Everything that an optimizer reads from a group is set by rules, as the rate is: `x=` sets, `x_scale=`
multiplies, and `schedules=` moves it over training. The usual mistake is a key that the optimizer does not
read (`weigth_decay`, `lr_mult`): torch takes it in silence, here it is an error that names the nearest real
one.
"""

import torch
from digits import ConvNet, History, images_of, loader_of
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import linear

EPOCHS = 2


def main() -> tuple[pg.Plan, History]:
    """Train with other settings in each group."""
    torch.manual_seed(0)
    model, loader = ConvNet(), loader_of(images_of()[0])
    recipe = pg.Recipe(
        optimizer="sgd",
        lr=0.05,
        momentum=0.9,
        weight_decay=1e-3,
        rules=[
            pg.rule("features[ndim>=2]", group="convolutions", nesterov=True, weight_decay_scale=5),
            pg.rule(":norm", group="norms", momentum=0.5, weight_decay=0.0),
            pg.rule("classifier", group="head", schedules={"momentum": linear(end=0.5)}),
        ],
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader))
    print(plan)
    print(plan.explain("features.0.weight"))
    try:
        pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.05, rules=[pg.rule("classifier", momentun=0.5)]))
    except pg.ParamGroupsError as error:
        print("A slip is an error:", error)

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
