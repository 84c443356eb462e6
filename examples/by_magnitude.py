"""Groups by how large the weights are: small ones learn faster, large ones slower.

Use it on a trained model, where the size of a tensor's weights tells how settled it is. `rms` is the root
of the mean square, so a large tensor is not taken for one of large weights, as it is by its norm. The usual
mistake is to sort again while training: tensors then change groups and lose their momentum. Here the values
are read once, when planning, and kept in the plan.
"""

import torch
from digits import History, images_of, loader_of, pretrained
from torch.nn.functional import cross_entropy

import paramgroups as pg

EPOCHS = 2


def main() -> tuple[pg.Plan, pg.Plan, History]:
    """Train with rates by magnitude; also the plan made again afterwards, of the same pins."""
    model, loader = pretrained(range(10), epochs=1), loader_of(images_of()[0], seed=1)
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=1e-3,
        rules=[
            pg.rule("[ndim>=2][rms<0.1]", lr_scale=2.0, group="small weights"),
            pg.rule("[ndim>=2][rms>=0.1]", lr_scale=0.5, group="large weights"),
        ],
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader))
    print(plan)
    for group in plan.groups:
        print(f"{group.name}: rms", {name: round(plan.pins["rms"][name], 3) for name in group.names})

    optimizer, scheduler = pg.build(plan)
    history = History()
    torch.manual_seed(0)
    for _ in range(EPOCHS):
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            history.note(optimizer, loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    print(history)

    # The weights have moved. Given the first plan's pins, a new plan groups them as before.
    again = pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader), pins=plan.pins)
    print("planned again with the same pins:", "the same" if not plan.diff(again) else plan.diff(again))
    return plan, again, history


if __name__ == "__main__":
    main()
