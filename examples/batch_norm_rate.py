"""Batch norm at a rate of its own, at a rate of 0, and frozen: what moves in each.

Give it a smaller rate in a short fine-tuning, or none where batches are too small to tell new statistics.
The usual mistake is to think that a rate of 0, or `requires_grad = False`, leaves it alone: its running
mean and variance still follow every batch. Frozen by a rule, the module is held too, whoever calls
`model.train()`.
"""

from typing import NamedTuple

import torch
from digits import ConvNet, History, images_of, loader_of, pretrained
from torch import Tensor
from torch.nn.functional import cross_entropy

import paramgroups as pg

EPOCHS = 1
NORM = "@BatchNorm2d"
WAYS = {
    "a tenth of the rate": pg.rule(NORM, lr_scale=0.1),
    "a rate of 0": pg.rule(NORM, lr=0.0),
    "frozen": pg.rule(NORM, trainable=False),
}


class Moved(NamedTuple):
    """How far batch norm moved from what it was: its parameters, and its running statistics."""

    history: History
    parameters: float
    statistics: float


def main() -> dict[str, Moved]:
    """Fine-tune a pretrained network in each way."""
    return {way: fine_tune(way, rule) for way, rule in WAYS.items()}


def fine_tune(way: str, rule: pg.Rule) -> Moved:
    """Train on with one rule for batch norm."""
    model, loader = pretrained(range(10), epochs=1), loader_of(images_of()[0], seed=1)
    recipe = pg.Recipe(optimizer="sgd", lr=0.05, momentum=0.9, rules=[rule])
    plan = pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader))
    print(f"{way}: {plan}")

    optimizer, scheduler = pg.build(plan)
    history, before = History(), norm_of(model)
    for _ in range(EPOCHS):
        model.train()
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            history.note(optimizer, loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    parameters, statistics = (
        float((now - was).norm()) for now, was in zip(norm_of(model), before, strict=True)
    )
    print(f"moved: parameters by {parameters:.4f}, statistics by {statistics:.4f}; {history}\n")
    return Moved(history, parameters, statistics)


def norm_of(model: ConvNet) -> tuple[Tensor, Tensor]:
    """Parameters and running statistics of all batch norms, each as one vector."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    parameters = [tensor.detach().clone() for norm in norms for tensor in norm.parameters()]
    statistics = [
        tensor.clone()
        for norm in norms
        for tensor in (norm.running_mean, norm.running_var)
        if tensor is not None
    ]
    return torch.cat(parameters), torch.cat(statistics)


if __name__ == "__main__":
    main()
