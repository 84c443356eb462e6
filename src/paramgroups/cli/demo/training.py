"""Pretraining on the old digits, and transfer to the new ones under a recipe."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from time import perf_counter

import torch
from torch.nn.functional import cross_entropy

from paramgroups.cli.demo.data import Images, Task, batches
from paramgroups.cli.demo.network import DigitNetwork, new_network, with_new_head
from paramgroups.planning import plan
from paramgroups.rules import Recipe
from paramgroups.run import build
from paramgroups.schedules import cosine, warmup

PRETRAINING = Recipe(
    optimizer="adamw", lr=3e-3, schedule=warmup("10%").then(cosine(end=0.01)), name="pretraining"
)
PRETRAINING_STEPS, PRETRAINING_BATCH = 150, 64
BATCH = 25
MARKS = 25


@dataclass(frozen=True)
class Run:
    """What one training gave.

    Attributes:
        accuracies: Share of the test images that were told rightly, at the marks.
        milliseconds: What a step took: forward, backward, optimizer and scheduler.
    """

    accuracies: tuple[float, ...]
    milliseconds: float

    @property
    def final(self) -> float:
        """The accuracy after the last step."""
        return self.accuracies[-1]


def marks(steps: int) -> list[int]:
    """After how many steps accuracy is measured; before the first, and after the last, among them."""
    return sorted({round(steps * mark / MARKS) for mark in range(MARKS + 1)})


@contextmanager
def one_thread() -> Iterator[None]:
    """So small a network gains nothing from a second thread, and loses much where cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def pretrained(old: Images, seed: int) -> DigitNetwork:
    """A network that has learned the old digits."""
    network = new_network(seed)
    order = batches(len(old), PRETRAINING_BATCH, PRETRAINING_STEPS, seed)
    for _ in fit(network, PRETRAINING, old, order):
        pass
    return network


def transfer(network: DigitNetwork, task: Task, recipe: Recipe, at: Sequence[int], seed: int) -> Run:
    """Train a copy with a new head on the labelled images.

    What is random follows from the seed alone, so two recipes start from the same weights and see the same
    images in the same order.

    Args:
        network: The pretrained network; it is not changed.
        task: What is labelled, and what is tested on.
        recipe: How to train.
        at: After how many steps to measure accuracy; after the last the training ends.
        seed: Which new head, and which order of images.
    """
    learner = with_new_head(network, seed)
    order = batches(len(task.labelled), BATCH, at[-1], seed)
    accuracies = [accuracy(learner, task.test)] if at[0] == 0 else []
    seconds = []
    for step, taken in enumerate(fit(learner, recipe, task.labelled, order), start=1):
        seconds.append(taken)
        if step in at:
            accuracies.append(accuracy(learner, task.test))
    return Run(tuple(accuracies), 1000 * fmean(seconds))


def fit(
    network: DigitNetwork, recipe: Recipe, images: Images, order: Sequence[torch.Tensor]
) -> Iterator[float]:
    """Train by a recipe, and give after each step how many seconds it took."""
    optimizer, scheduler = build(plan(network, recipe, steps=len(order)))
    network.train()
    for batch in order:
        start = perf_counter()
        loss = cross_entropy(network(images.pixels[batch]), images.digits[batch])
        loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        yield perf_counter() - start


@torch.no_grad()
def accuracy(network: DigitNetwork, images: Images) -> float:
    """The share of the images whose digit is told rightly; the network is left training."""
    network.eval()
    right = network(images.pixels).argmax(dim=1) == images.digits
    network.train()
    return float(right.float().mean())
