"""What the examples of hosts train on: scikit-learn's handwritten digits, and the text of Python's manual."""

from collections.abc import Sequence
from pydoc_data import topics

import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.utils.data import TensorDataset


def digits(classes: Sequence[int] = range(10)) -> tuple[TensorDataset, TensorDataset]:
    """Images (1, 8, 8) from 0 to 1 and labels from 0: three quarters to train on, a quarter held out."""
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
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
