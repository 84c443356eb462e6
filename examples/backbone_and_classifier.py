"""A pretrained feature extractor at 0.001, and a new classifier at 0.01.

The usual start of transfer learning: what is learnt is only adjusted, what is new learns fast. One schedule
acts on both as a factor, so they keep their ratio of 10. The usual mistakes are a scalar `max_lr` or
`eta_min`, which makes the two rates one, and an optimizer made before the classifier was replaced, which
trains the old one.
"""

import torch
from digits import History, images_of, loader_of, pretrained, validate
from torch import nn
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import cosine, warmup

EPOCHS = 3


def main() -> tuple[pg.Plan, History, float]:
    """Transfer from the digits 0 to 4 to the digits 5 to 9; also the accuracy on unseen images."""
    model = pretrained(range(5))
    torch.manual_seed(0)
    model.classifier = nn.Linear(model.classifier.in_features, 5)
    train, unseen = images_of(range(5, 10))
    loader = loader_of(train)
    recipe = pg.Recipe(
        optimizer="adam",
        lr=0.001,
        schedule=warmup("10%").then(cosine(end=0.01)),
        rules=[pg.rule("classifier", lr=0.01)],
    )
    plan = pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader))
    print(plan)
    print(plan.explain("classifier.weight", step=20))

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
    accuracy = validate(model, unseen)[1]
    print(history)
    print(f"accuracy on unseen images of 5 to 9: {accuracy:.1%}")
    return plan, history, accuracy


if __name__ == "__main__":
    main()
