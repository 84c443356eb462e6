"""A small index, built by hand."""

from math import prod

from paramgroups.indexing import Index, Row

BASES = {
    "Linear": ("Linear", "Module"),
    "LayerNorm": ("LayerNorm", "Module"),
    "FusedLayerNorm": ("FusedLayerNorm", "LayerNorm", "Module"),
    "Embedding": ("Embedding", "Module"),
    "Model": ("Model", "Module"),
}


def row(
    name: str,
    shape: tuple[int, ...] = (4, 8),
    *,
    aliases: tuple[str, ...] = (),
    roles: tuple[str, ...] = ("linear", "weight"),
    module_type: str = "Linear",
    depth: int = 0,
    tower: str = "",
    trainable: bool = True,
    dtype: str = "float32",
) -> Row:
    return Row(
        name=name,
        aliases=aliases,
        role=roles[0],
        roles=frozenset(roles),
        module_type=module_type,
        module_bases=BASES[module_type],
        shape=shape,
        numel=prod(shape),
        fan_in=shape[-1] if len(shape) > 1 else 1,
        fan_out=shape[0] if shape else 1,
        depth=depth,
        levels=12,
        tower=tower,
        trainable=trainable,
        dtype=dtype,
    )


def layer(number: int, norm: str = "LayerNorm") -> list[Row]:
    at = f"encoder.layer.{number}"
    return [
        row(f"{at}.attn.q_proj.weight", depth=number + 1),
        row(f"{at}.attn.q_proj.bias", (4,), roles=("bias", "linear"), depth=number + 1),
        row(f"{at}.attn.k_proj.weight", depth=number + 1),
        row(f"{at}.norm1.weight", (8,), roles=("norm", "weight"), module_type=norm, depth=number + 1),
        row(f"{at}.norm1.bias", (8,), roles=("norm", "bias"), module_type=norm, depth=number + 1),
    ]


ROWS = [
    row("logit_scale", (), roles=("scale", "weight"), module_type="Model", dtype="bfloat16"),
    row(
        "embed.weight",
        (10, 8),
        aliases=("lm_head.weight",),
        roles=("embedding", "weight"),
        module_type="Embedding",
    ),
    *layer(0),
    *layer(1, "FusedLayerNorm"),
    *layer(10),
    row("decode_head.weight", tower="decoder", depth=11, trainable=False),
    row("head.weight", (3, 4), roles=("head", "weight"), depth=11),
    row("head.bias", (3,), roles=("head", "bias"), depth=11),
    row("gpt-2.a:b.none", (0, 5)),
]
INDEX = Index(ROWS)
