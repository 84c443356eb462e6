"""Freeze the pretrained part, give it a small rate, or the new head's rate? Measured on real images.

A network that knows the digits 0 to 4 learns 5 to 9 from a few images of each, several times over; the
table shows the accuracy on all unseen images. Which way wins depends on how many labels there are and how
near the new task is to the old: change `LABELS` and see. The usual mistake is to compare single runs, which
differ as much by chance.
"""

from statistics import mean, stdev

from digits import few_of, images_of, pretrained, validate
from torch import nn
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import cosine, warmup

LABELS, STEPS, SEEDS = 5, 40, 5
WAYS: dict[str, list[pg.Rule]] = {
    "frozen": [pg.rule("features", trainable=False)],
    "a tenth of the rate": [pg.rule("features", lr_scale=0.1)],
    "the same rate": [],
}


def main() -> dict[str, list[float]]:
    """The accuracy of each way, seed by seed."""
    accuracies = {way: [transfer(rules, seed) for seed in range(SEEDS)] for way, rules in WAYS.items()}
    print(f"{LABELS} labels a class, {SEEDS} seeds: accuracy on unseen images of 5 to 9, and its spread")
    for way, found in accuracies.items():
        print(f"{way:<20} {mean(found):.1%} ± {stdev(found):.1%}   {[f'{one:.3f}' for one in found]}")
    return accuracies


def transfer(rules: list[pg.Rule], seed: int) -> float:
    """Train a pretrained network with a new head on a few images."""
    model = pretrained(range(5), seed)
    model.classifier = nn.Linear(model.classifier.in_features, 5)
    train, unseen = images_of(range(5, 10))
    images, labels = few_of(train, LABELS, seed)
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, schedule=warmup("10%").then(cosine(end=0.01)), rules=rules)
    plan = pg.plan(model, recipe, steps=STEPS)
    if seed == 0:
        print(f"{plan}\n")

    optimizer, scheduler = pg.build(plan)
    for _ in range(STEPS):
        cross_entropy(model(images), labels).backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    return validate(model, unseen)[1]


if __name__ == "__main__":
    main()
