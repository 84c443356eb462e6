"""Real models of random weights, each with a batch to train on: they show what forward and backward cost."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.shapes import HEADS
from tests.support import import_timm, import_transformers

WIDTH, LAYERS = 384, 6
CLASSES = 10
SEED = 1


@dataclass(frozen=True)
class Work:
    """A model, and what it is trained on.

    Attributes:
        model: The model.
        head: The name of the module that is trained where the rest is frozen.
        loss: The loss of the batch.
    """

    model: nn.Module
    head: str
    loss: Callable[[], Tensor]

    @property
    def backbone(self) -> Iterator[nn.Module]:
        """The modules beside the head that have parameters."""
        for name, child in self.model.named_children():
            if name != self.head and any(True for _ in child.parameters()):
                yield child


def encoder(sentences: int, tokens: int) -> Work:
    """A sentence encoder as large as MiniLM-L6, with a classifier.

    Args:
        sentences: How many a batch has.
        tokens: How many a sentence has.
    """
    torch.manual_seed(SEED)
    models = import_transformers()
    config = models.BertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        num_labels=CLASSES,
    )
    model = models.BertForSequenceClassification(config).train()
    words = torch.randint(0, config.vocab_size, (sentences, tokens))
    labels = torch.randint(0, CLASSES, (sentences,))
    return Work(model, "classifier", lambda: model(input_ids=words, labels=labels).loss)


def network(images: int, side: int) -> Work:
    """A ResNet-18, whose batch norms have running statistics.

    Args:
        images: How many a batch has.
        side: Their height and width.
    """
    torch.manual_seed(SEED)
    model: Any = import_timm().create_model("resnet18", num_classes=CLASSES)
    batch = torch.randn(images, 3, side, side)
    labels = torch.randint(0, CLASSES, (images,))
    return Work(model.train(), "fc", lambda: nn.functional.cross_entropy(model(batch), labels))


WORKS: Mapping[str, Callable[[], Work]] = {
    "MiniLM-L6": lambda: encoder(4, 32),
    "ResNet-18": lambda: network(8, 64),
}
"""A step takes a tenth of a second on two cores."""
BATCHES = {
    "MiniLM-L6": "4 sentences of 32 tokens",
    "ResNet-18": "8 images of 64 by 64",
}
