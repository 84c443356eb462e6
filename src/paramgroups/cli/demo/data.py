"""The images: scikit-learn's bundled UCI digits, and which of them a run learns from and is tested on.

Digits 0 to 4 are what the network is pretrained on. Of the images of 5 to 9, a part is set apart to choose
rates on; on the others the recipes are compared. Nothing is downloaded.
"""

from typing import NamedTuple

import torch

from paramgroups.cli.demo.packages import needed

OLD, NEW = range(5), range(5, 10)
APART = 60  # images of each new digit that rates are chosen on; no result is measured on them
BRIGHTEST = 16.0


class Images(NamedTuple):
    """Scans and what they show.

    Attributes:
        pixels: Brightness from 0 to 1, (images, 1, 8, 8).
        digits: The digit as a class from 0 to 4, (images,).
    """

    pixels: torch.Tensor
    digits: torch.Tensor

    def at(self, places: torch.Tensor) -> "Images":
        """Some of the images."""
        return Images(self.pixels[places], self.digits[places])

    def __len__(self) -> int:
        return len(self.digits)


class Task(NamedTuple):
    """A few labelled images of the new digits, and those that are tested on."""

    labelled: Images
    test: Images


class Digits(NamedTuple):
    """All images, by their use."""

    old: Images
    apart: Images
    new: Images


def load_digits() -> Digits:
    """Read the bundled scans: 901 of the old digits, 300 and 596 of the new ones.

    Raises:
        DemoError: scikit-learn is not installed.
    """
    bundle = needed("sklearn.datasets").load_digits()
    pixels = torch.tensor(bundle.images, dtype=torch.float32).unsqueeze(1) / BRIGHTEST
    digits = torch.tensor(bundle.target)
    old, new = (_of(pixels, digits, classes) for classes in (OLD, NEW))
    chosen, rest = _shared_out(new, APART, seed=0)
    return Digits(old, new.at(chosen), new.at(rest))


def task(images: Images, labels: int, seed: int) -> Task:
    """Draw the labelled images; all others are tested on.

    Args:
        images: The new digits.
        labels: How many of each digit are labelled.
        seed: Which draw.
    """
    labelled, rest = _shared_out(images, labels, seed)
    return Task(images.at(labelled), images.at(rest))


def batches(images: int, size: int, steps: int, seed: int) -> list[torch.Tensor]:
    """Which images each step learns from: shuffled anew when all have been seen.

    Args:
        images: How many there are.
        size: How many a step takes; at most all.
        steps: How many steps.
        seed: Which order.
    """
    random, size = torch.Generator().manual_seed(seed), min(size, images)
    found: list[torch.Tensor] = []
    while len(found) < steps:
        order = torch.randperm(images, generator=random)
        found += order[: images // size * size].split(size)
    return found[:steps]


def _of(pixels: torch.Tensor, digits: torch.Tensor, classes: range) -> Images:
    places = torch.isin(digits, torch.tensor(classes))
    return Images(pixels[places], digits[places] - classes.start)


def _shared_out(images: Images, each: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Places of so many images of each digit at random, and of the rest."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    of_each = [order[images.digits[order] == digit][:each] for digit in images.digits.unique()]
    taken = torch.cat(of_each)
    return taken, order[~torch.isin(order, taken)]
