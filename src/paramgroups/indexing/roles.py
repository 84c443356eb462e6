"""What a parameter is for: told from the type of its module first, from its name second."""

from functools import lru_cache
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
    "lora_magnitude_vector": "scale",
}  # fmt: skip
# Roles that the layer's type tells, by the words of `kinds.LAYERS`.
LAYER_ROLES = {
    "norm": ("norm",),
    "embedding": ("embedding",),
    "conv": ("conv",),
    "transposed_conv": ("conv",),
    "attention": ("attention",),
    "recurrent": ("recurrent",),
    "linear": ("linear",),
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


class Spot(NamedTuple):
    """What the roles of a tensor are told from.

    Attributes:
        cls: Class of the module that holds it.
        key: Its own name within that module.
        near: The last two segments of the module's path.
        vector: At most one of its dimensions is longer than 1.
        ndim: How many dimensions it has.
        in_attention: It stands within an attention module.
        in_head: It stands within an output layer.
    """

    cls: type
    key: str
    near: tuple[str, ...]
    vector: bool
    ndim: int
    in_attention: bool
    in_head: bool


@lru_cache(maxsize=4096)
def is_attention(cls: type) -> bool:
    """Whether modules of this class are an attention, and not a block that has one."""
    kind = kind_of(cls)
    said = ATTENTION_WORDS.intersection(kind.words) and kind.words[-1] not in WHOLE_BLOCKS
    return kind.layer == "attention" or bool(said)


@lru_cache(maxsize=65536)
def roles_of(spot: Spot) -> frozenset[str]:
    """All roles of a tensor that stands there."""
    kind = kind_of(spot.cls)
    roles = {SEGMENTS[one] for one in (*spot.near, spot.key) if one in SEGMENTS}
    roles |= _by_name(spot) if spot.key in NAME_ROLES else _by_type(kind, spot) or _by_name(spot)
    biased = spot.vector and "embedding" not in roles and "bias" in split_words(spot.key)
    roles.add("bias" if biased else "weight")
    if spot.in_head:
        roles.add("head")
    if spot.in_attention and roles & {"linear", "conv"}:
        roles.add("attention")
    if spot.ndim == 2 and not roles & {"embedding", "scale"}:  # noqa: PLR2004 - rows and columns
        roles.add("matrix")
    return frozenset(roles)


@lru_cache(maxsize=4096)
def most_telling(roles: frozenset[str]) -> str:
    """The first of `ROLES` among these."""
    return next(role for role in ROLES if role in roles)


def _by_type(kind: Kind, spot: Spot) -> set[str]:
    if kind.layer == "norm_like":
        return {"norm"} if spot.vector else {"linear"} & set(kind.words)
    return set(LAYER_ROLES.get(kind.layer, ()))


def _by_name(spot: Spot) -> set[str]:
    if spot.key in NAME_ROLES:
        return {NAME_ROLES[spot.key]}
    words = split_words(spot.key)
    if spot.vector and NORM_NAME_WORDS & {*words, *(w for part in spot.near[-1:] for w in split_words(part))}:
        return {"norm"}
    return {role for role, known in WORD_ROLES.items() if known.intersection(words)}
