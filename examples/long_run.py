"""A run whose end is not known when it begins: warm-up, a constant rate, and a decay once the end is told.

Use it for streams, and wherever data or time may grow. What needs no end runs; the decay waits, and begins
so that it is done at the end which `extend` tells. The usual mistake is a cosine over a guessed length: too
short, and training ends at a rate of nothing long before the data do; too long, and the rate never comes
down.
"""

from collections.abc import Iterator
from itertools import chain, islice, repeat

import torch
from digits import ConvNet, History, images_of, loader_of
from torch import Tensor
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import constant, one_minus_sqrt, warmup

TOLD_AT, STEPS, DECAY = 60, 100, 25


def stream() -> Iterator[list[Tensor]]:
    """Batches without end."""
    return chain.from_iterable(repeat(loader_of(images_of()[0])))


def main() -> tuple[pg.Plan, History, pg.Scheduler]:
    """Train, and hear at step 60 that 100 are to be made."""
    torch.manual_seed(0)
    model, history = ConvNet(), History()
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.004,
        schedule=warmup(10).then(constant()).then(one_minus_sqrt(length=DECAY)),
        rules=[pg.rule("classifier", lr_scale=2), pg.recipes.no_decay()],
    )
    plan = pg.plan(model, recipe)  # neither steps= nor epochs=
    print(plan)

    optimizer, scheduler = pg.build(plan)
    for step, (images, labels) in enumerate(islice(stream(), STEPS)):
        if step == TOLD_AT:
            scheduler.extend(steps=STEPS)
        loss = cross_entropy(model(images), labels)
        loss.backward()
        history.note(optimizer, loss)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        if step % 20 == 0:
            print(f"step {step}: {history.values('classifier')[-1]:.6f}")
    print(scheduler.journal)
    print(history)
    return plan, history, scheduler


if __name__ == "__main__":
    main()
