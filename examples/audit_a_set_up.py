"""A script with three faults, none of which raises: what the audit says of it, and what they cost.

The optimizer is made before the classifier is replaced, so the new one is never trained; `T_max` is left
from a longer training, so the rates never come down; and an absolute `eta_min` lifts the small rate of the
pretrained features tenfold. The usual way to find such faults is to wonder at the accuracy.
"""

import torch
from digits import ConvNet, images_of, loader_of, pretrained, validate
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

import paramgroups as pg

EPOCHS = 3
SMALL, LARGE = 1e-4, 1e-2


def with_faults(model: ConvNet, steps: int) -> tuple[Optimizer, LRScheduler]:
    """As it is written too often; the number of updates is not asked for."""
    del steps
    body, head = model.features.parameters(), model.classifier.parameters()
    optimizer = AdamW([{"params": body, "lr": SMALL}, {"params": head, "lr": LARGE}], weight_decay=0)
    model.classifier = nn.Linear(model.classifier.in_features, 5)
    return optimizer, CosineAnnealingLR(optimizer, T_max=1000, eta_min=1e-3)


def mended(model: ConvNet, steps: int) -> tuple[Optimizer, LRScheduler]:
    """The same as it was meant: what the audit's fixes make of it."""
    model.classifier = nn.Linear(model.classifier.in_features, 5)
    body, head = model.features.parameters(), model.classifier.parameters()
    optimizer = AdamW([{"params": body, "lr": SMALL}, {"params": head, "lr": LARGE}], weight_decay=0)
    return optimizer, CosineAnnealingLR(optimizer, T_max=steps)


def main() -> dict[str, tuple[pg.Audit, float]]:
    """What the audit finds of each script, and the accuracy that it reaches on the digits 5 to 9."""
    train, unseen = images_of(range(5, 10))
    loader = loader_of(train)
    found = {}
    for make in (with_faults, mended):
        model = pretrained(range(5))
        torch.manual_seed(0)
        optimizer, scheduler = make(model, EPOCHS * len(loader))
        audit = pg.audit(model, optimizer, scheduler, epochs=EPOCHS, steps_per_epoch=len(loader))
        print(audit)
        for _ in range(EPOCHS):
            for images, labels in loader:
                cross_entropy(model(images), labels).backward()
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
        found[make.__name__] = audit, validate(model, unseen)[1]
        print(f"accuracy on unseen images of 5 to 9: {found[make.__name__][1]:.1%}\n")
    return found


if __name__ == "__main__":
    main()
