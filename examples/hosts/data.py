"""What the examples of hosts train on: digits, Python's manual, and a network that has learnt MNIST."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from pydoc_data import topics

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad
from torch.utils.data import TensorDataset


def digits(classes: Sequence[int] = range(10), *, large: bool = False) -> tuple[TensorDataset, TensorDataset]:
    """Images and labels from 0: three quarters to train on, a quarter held out.

    Images are (1, 8, 8) from 0 to 1; or (1, 28, 28) as MNIST has them, normalised.
    """
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
    if large:
        images = (pad(interpolate(images, size=20, mode="bilinear"), (4, 4, 4, 4)) - 0.1307) / 0.3081
    labels = torch.tensor(data.target)
    chosen = torch.isin(labels, torch.tensor(list(classes)))
    images, labels = images[chosen], labels[chosen] - min(classes)
    held = torch.arange(len(labels)) % 4 == 0
    return TensorDataset(images[~held], labels[~held]), TensorDataset(images[held], labels[held])


def manual(length: int = 64) -> tuple[Tensor, Tensor]:
    """Python's manual as bytes, (n, length): nine tenths to train on, a tenth held out."""
    text = "\n".join(topics.topics[name] for name in sorted(topics.topics)).encode()
    rows = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()
    rows = rows[: len(rows) // length * length].view(-1, length)
    held = torch.arange(len(rows)) % 10 == 0
    return rows[~held], rows[held]


class Network(nn.Module):
    """Images (n, 1, 28, 28) to scores of ten classes: the network of the package digit-recognizer-py."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels, more in ((1, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(channels, more, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.conv_layers = nn.Sequential(*layers)
        self.fc_layers = nn.Sequential(nn.Linear(1152, 256), nn.ReLU(), nn.Linear(256, 10))

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the classes."""
        scores: Tensor = self.fc_layers(self.conv_layers(images).flatten(1))
        return scores


def pretrained() -> Network:
    """The network with what it has learnt from MNIST, and a new head."""
    package = find_spec("digit_recognizer")
    if package is None or package.submodule_search_locations is None:
        raise ModuleNotFoundError("The weights are in a package: pip install digit-recognizer-py")
    weights = Path(package.submodule_search_locations[0], "models", "handwriting_model.pth")
    network = Network()
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.fc_layers[2] = nn.Linear(256, 10)
    return network
