"""What a parameter is for: told from the type of its module first, from its name second."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

from paramgroups.indexing.kinds import NORM_WORDS, Kind, kind_of, split_words

# The most telling first: the first that applies is a parameter's `role`, all that apply are its `roles`.
ROLES = {
    "lora_A": "the factor of a low-rank adapter that reads the input",
    "lora_B": "the factor of a low-rank adapter that writes the output",
    "norm": "weight or bias of a normalisation layer, of any library",
    "embedding": "a table of entries (tokens, positions, classes), or a learned token",
    "scale": "a learned factor: layer scale, temperature, the magnitude in a weight norm or in DoRA",
    "bias": "added to an output, of one dimension",
    "head": "of an output layer",
    "conv": "of a convolution",
    "attention": "of a linear layer or a convolution within an attention module",
    "recurrent": "of a recurrent layer",
    "linear": "of a linear layer, or of a stack of them",
    "weight": "whatever is no bias",
    "matrix": "two dimensions, and neither an embedding nor a scale; never the most telling",
}

# Whole segments near a tensor that tell its role, whatever the type of its module.
SEGMENTS = {
    "lora_A": "lora_A", "lora_a": "lora_A", "lora_embedding_A": "lora_A", "lora_down": "lora_A",
    "lora_B": "lora_B", "lora_b": "lora_B", "lora_embedding_B": "lora_B", "lora_up": "lora_B",
    "lora_magnitude_vector": "scale", "lora_E": "scale", "trainable_tokens_delta": "embedding",
}  # fmt: skip
# Roles that the layer's type tells, by the words of `kinds.LAYERS`.
LAYER_ROLES = {
    "norm": ("norm",),
    "embedding": ("embedding",),
    "conv": ("conv",),
    "transposed_conv": ("conv",),
    "attention": ("attention", "linear"),
    "recurrent": ("recurrent",),
    "linear": ("linear",),
    "bilinear": ("linear",),
    "transposed_linear": ("linear",),
    "linear_like": ("linear",),
}
# Whole words of a tensor's name, asked where the type tells nothing.
WORD_ROLES = {
    "embedding": {"embed", "embeds", "embedding", "embeddings", "token", "tokens"},
    "scale": {"gamma", "scale", "temperature", "gain"},
    "linear": {"linear", "proj", "projection"},
}
# Names whose words would mislead.
NAME_ROLES = {
    "relative_position_bias_table": "embedding", "rel_pos_h": "embedding", "rel_pos_w": "embedding",
    "original0": "scale", "weight_g": "scale",
}  # fmt: skip
NORM_NAME_WORDS = NORM_WORDS | {"ln", "bn", "gn"}
ATTENTION_WORDS = {"attention", "attn"}
WHOLE_BLOCKS = {"block", "layer", "stage", "model", "encoder", "decoder", "net", "network"}


class Around(NamedTuple):
    """What stands around the tensors of a module, as far as it tells their roles.

    Attributes:
        near: The last two named segments of the module's path.
        in_attention: It stands within an attention module.
        in_head: It stands within an output layer.
    """

    near: tuple[str, ...] = ()
    in_attention: bool = False
    in_head: bool = False


@lru_cache(maxsize=4096)
def is_attention(cls: type) -> bool:
    """Whether modules of this class are an attention, and not a block that has one."""
    kind = kind_of(cls)
    said = ATTENTION_WORDS.intersection(kind.words) and kind.words[-1] not in WHOLE_BLOCKS
    return kind.layer == "attention" or bool(said)


def roles_of(cls: type, key: str, shape: Sequence[int], around: Around) -> frozenset[str]:
    """All roles of a tensor.

    Args:
        cls: Class of the module that holds it.
        key: Its own name within that module.
        shape: Its shape.
        around: Where that module stands.
    """
    vector = len(shape) <= 1 or prod(shape) == max(shape)
    roles = {SEGMENTS[one] for one in (*around.near, key) if one in SEGMENTS}
    roles |= _told(kind_of(cls), key, around.near, vector=vector)
    biased = vector and "embedding" not in roles and "bias" in split_words(key)
    roles.add("bias" if biased else "weight")
    if around.in_head:
        roles.add("head")
    if around.in_attention and roles & {"linear", "conv"}:
        roles.add("attention")
    if len(shape) == 2 and not roles & {"embedding", "scale"}:  # noqa: PLR2004 - rows and columns
        roles.add("matrix")
    return frozenset(roles)


def joined(roles: Iterable[frozenset[str]]) -> frozenset[str]:
    """A tied tensor is all that it is under any of its names."""
    all_of_them = frozenset[str]().union(*roles)
    return all_of_them - {"matrix"} if all_of_them & {"embedding", "scale"} else all_of_them


@lru_cache(maxsize=4096)
def most_telling(roles: frozenset[str]) -> str:
    """The first of `ROLES` among these."""
    return next(role for role in ROLES if role in roles)


def _told(kind: Kind, key: str, near: Sequence[str], *, vector: bool) -> set[str]:
    if key in NAME_ROLES:
        return {NAME_ROLES[key]}
    if kind.layer == "norm_like":
        return {"norm"} if vector else {"linear"} & set(kind.words)
    return set(LAYER_ROLES.get(kind.layer, ())) or _by_words(key, near, vector=vector)


def _by_words(key: str, near: Sequence[str], *, vector: bool) -> set[str]:
    words = split_words(key)
    nearby = {*words, *(word for segment in near[-1:] for word in split_words(segment))}
    if vector and nearby & NORM_NAME_WORDS:
        return {"norm"}
    return {role for role, known in WORD_ROLES.items() if known.intersection(words)}
