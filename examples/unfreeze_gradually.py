"""Thaw a pretrained network from the head down, and measure whether it was worth it.

Use it where a new head would tear at good features before it fits. A level of depth thaws at a time, begins
with clean moments, and its rate rises over a few updates of its own (`rewarm`). The usual mistake is to set
`requires_grad` in the loop and forget what else goes on: batch norm's statistics, weight decay, and moments
that kick at the thaw. Whether it helps is another matter, so the table has the plain ways beside it, over
several seeds, and differences seed by seed, which share the pretrained network and the labels.
"""

from statistics import mean, stdev

from digits import few_of, images_of, pretrained, validate
from torch import nn
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import cosine, warmup

LABELS, STEPS, SEEDS = 5, 60, 8
WAYS: dict[str, list[pg.Rule]] = {
    "all at once": [],
    "backbone frozen": [pg.rule("features", trainable=False)],
    "head, then all": [*pg.recipes.lp_ft("30%"), pg.rule("features", rewarm=5)],
    "gradually": [pg.recipes.gradual_unfreezing(over="50%"), pg.rule("features", rewarm=5)],
}


def main() -> dict[str, list[float]]:
    """The accuracy of each way, seed by seed."""
    found = {way: [transfer(way, seed) for seed in range(SEEDS)] for way in WAYS}
    print(f"{LABELS} labels a class, {SEEDS} seeds: accuracy on unseen images of 5 to 9")
    print(f"{'':<16} {'mean':>6} {'spread':>7} {'against the first':>18}")
    for way, accuracies in found.items():
        print(f"{way:<16} {mean(accuracies):>6.1%} {stdev(accuracies):>7.1%} {against(accuracies, found)}")
    return found


def against(accuracies: list[float], found: dict[str, list[float]]) -> str:
    """The mean difference from the first way, and its standard error."""
    more = [one - other for one, other in zip(accuracies, found["all at once"], strict=True)]
    return f"{mean(more):>+10.1%} ± {stdev(more) / len(more) ** 0.5:.1%}" if any(more) else ""


def transfer(way: str, seed: int) -> float:
    """Train a pretrained network with a new head on a few images."""
    model = pretrained(range(5), seed)
    model.classifier = nn.Linear(model.classifier.in_features, 5)
    train, unseen = images_of(range(5, 10))
    images, labels = few_of(train, LABELS, seed)
    schedule = warmup("10%").then(cosine(end=0.01))
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, schedule=schedule, rules=WAYS[way])
    plan = pg.plan(model, recipe, steps=STEPS)
    if way == "gradually" and seed == 0:
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
