"""What a module's type says of its parameters: the class as written, and what kind of layer it is."""

import re
from functools import lru_cache
from typing import NamedTuple

from torch import nn
from torch.nn.modules import batchnorm, conv

from paramgroups.indexing.wrappers import loaded


class Kind(NamedTuple):
    """What is known of a class of modules.

    Attributes:
        name: The class as it was written, before a wrapper replaced it.
        bases: That class and its bases by name, the nearest first, without `Module` and `object`.
        layer: A word of `LAYERS`, or `""` for a class of no known kind.
        words: The words of the CamelCase name, in lower case.
    """

    name: str
    bases: tuple[str, ...]
    layer: str
    words: tuple[str, ...]


# The first line that fits decides. torch's private bases hold all their dimensions, lazy forms and Sync.
LAYERS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("norm", (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, batchnorm._NormBase)),  # noqa: SLF001 - the base of all
    ("embedding", (nn.Embedding, nn.EmbeddingBag)),
    ("transposed_conv", (conv._ConvTransposeNd,)),  # noqa: SLF001 - the base of all
    ("conv", (conv._ConvNd,)),  # noqa: SLF001 - the base of all
    ("attention", (nn.MultiheadAttention,)),
    ("recurrent", (nn.RNNBase, nn.RNNCellBase)),
    ("linear", (nn.Linear,)),
    ("bilinear", (nn.Bilinear,)),
)
NORM_WORDS = {"norm", "layernorm", "rmsnorm", "batchnorm", "groupnorm", "instancenorm", "grn"}
# Classes of a module whose class a wrapper replaced: <prefix><class>, made from it by these parts of torch.
REPLACED = re.compile(r"^(FSDP|Parametrized|Replicate|DDP)(.+)$")
CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def split_words(name: str) -> tuple[str, ...]:
    """The words of a CamelCase or snake_case name, in lower case.

    >>> split_words("LlamaRMSNorm"), split_words("NormalizedLinear"), split_words("pos_embed")
    (('llama', 'rms', 'norm'), ('normalized', 'linear'), ('pos', 'embed'))
    """
    return tuple(word.lower() for word in CAMEL.findall(name))


def as_written(cls: type) -> type:
    """The class that the model's author wrote, where torch has put one of its own in its place."""
    while (match := REPLACED.match(cls.__name__)) and _made_by_torch(cls, match[2]):
        cls = cls.__bases__[-1]
    return cls


def _made_by_torch(cls: type, name: str) -> bool:
    return cls.__module__.startswith("torch.") and cls.__bases__[-1].__name__ == name


@lru_cache(maxsize=4096)
def kind_of(cls: type) -> Kind:
    """What is known of a class of modules."""
    cls = as_written(cls)
    bases = tuple(base.__name__ for base in cls.__mro__ if base not in (nn.Module, object))
    return Kind(cls.__name__, bases, _layer(cls, bases), split_words(cls.__name__))


def _layer(cls: type, bases: tuple[str, ...]) -> str:
    for layer, types in LAYERS:
        if issubclass(cls, types):
            return layer
    turned = loaded("transformers.pytorch_utils", "Conv1D")
    if turned is not None and issubclass(cls, turned):
        return "transposed_linear"
    words = {word for base in bases for word in split_words(base)}
    return "norm_like" if words & NORM_WORDS else "linear_like" if "linear" in words else ""
