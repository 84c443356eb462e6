"""The shapes that optimizers are timed on: of real models, built on `meta`, and of many small tensors."""

from collections.abc import Callable

import torch
from torch import nn

from tests.support import import_timm, import_transformers

Shapes = list[torch.Size]

HEADS = 12
VISION = "vit_large_patch16_224"
SMALL = ((64, 16), (16, 64), (16,), ())


def thousand() -> Shapes:
    """A thousand tensors of a thousand numbers."""
    return [torch.Size([1_000])] * 1_000


def bert(width: int, layers: int) -> Shapes:
    """A BERT as sentence encoders have it: without its pooler."""
    models = import_transformers()
    config = models.BertConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        intermediate_size=4 * width,
    )
    with torch.device("meta"):
        return shapes_of(models.BertModel(config, add_pooling_layer=False))


def vision() -> Shapes:
    """ViT-L, for images of 224 by 224 in patches of 16."""
    timm = import_timm()
    with torch.device("meta"):
        return shapes_of(timm.create_model(VISION))


def mixture() -> Shapes:
    """Ten thousand small tensors: matrices, vectors and scalars."""
    return [torch.Size(size) for size in SMALL] * (10_000 // len(SMALL))


def shapes_of(model: nn.Module) -> Shapes:
    """The shapes of all parameters of a model."""
    return [param.shape for param in model.parameters()]


MODELS: dict[str, Callable[[], Shapes]] = {
    "1,000 x 1,000": thousand,
    "MiniLM-L6": lambda: bert(384, 6),
    "BERT-base": lambda: bert(768, 12),
    "ViT-L": vision,
    "mixture": mixture,
}
"""Those that are timed, by name."""
