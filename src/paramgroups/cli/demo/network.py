"""The network: a small convolutional one with batch norm, and a head that is replaced for new digits."""

from copy import deepcopy

import torch
from torch import nn

WIDTH = 8
CLASSES = 5


class Block(nn.Sequential):
    """Convolution, batch norm, ReLU; a stride of 2 halves height and width."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()


class DigitNetwork(nn.Module):
    """A stem, three blocks and a linear head: images (n, 1, 8, 8) to scores (n, 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Block(1, WIDTH)
        self.blocks = nn.Sequential(
            Block(WIDTH, 2 * WIDTH, stride=2),
            Block(2 * WIDTH, 2 * WIDTH),
            Block(2 * WIDTH, 4 * WIDTH, stride=2),
        )
        self.head = nn.Linear(4 * WIDTH, CLASSES)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Scores of the classes."""
        features: torch.Tensor = self.blocks(self.stem(pixels))
        scores: torch.Tensor = self.head(features.mean(dim=(2, 3)))
        return scores


def new_network(seed: int) -> DigitNetwork:
    """A network with fresh weights; the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DigitNetwork()


def with_new_head(network: DigitNetwork, seed: int) -> DigitNetwork:
    """A copy whose backbone is the given one's and whose head is fresh."""
    copy = deepcopy(network)
    copy.head.load_state_dict(new_network(seed).head.state_dict())
    return copy
