"""Roles are told from the module's type first, from the name second, and by whole words."""

import pytest
import torch
from torch import nn
from torch.nn.modules import batchnorm, instancenorm

from paramgroups.indexing import ROLES, index
from tests.support import import_transformers


def roles(model: nn.Module) -> dict[str, str]:
    return {row.name: row.role for row in index(model)}


def holding(**tensors: torch.Tensor) -> nn.Module:
    model = nn.Module()
    for name, tensor in tensors.items():
        setattr(model, name, nn.Parameter(tensor))
    return model


class LlamaRMSNorm(nn.Module):
    """A norm of another library: known by its name only."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))


class Renamed(LlamaRMSNorm):
    """A norm by its base."""


class NormalizedLinear(nn.Module):
    """No norm, though its name has the letters."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 4))
        self.bias = nn.Parameter(torch.ones(4))


class NormLinear(NormalizedLinear):
    """No norm, though its name has the word: its weight is a matrix."""


class WindowAttention(nn.Module):
    """An attention: its linear layers are of it."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(4, 12)
        self.norm = nn.LayerNorm(4)
        self.relative_position_bias_table = nn.Parameter(torch.ones(9, 2))


class AttentionBlock(nn.Module):
    """A block that has an attention; its MLP is not of it."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = WindowAttention()
        self.mlp = nn.Linear(4, 4)


def test_every_role_is_described() -> None:
    assert set(ROLES) == {
        "lora_A", "lora_B", "norm", "embedding", "scale", "bias", "head", "conv", "attention", "recurrent",
        "linear", "weight", "matrix",
    }  # fmt: skip


@pytest.mark.parametrize(
    "norm",
    [
        nn.LayerNorm(4), nn.RMSNorm(4), nn.GroupNorm(2, 4), nn.BatchNorm2d(4), batchnorm.SyncBatchNorm(4),
        instancenorm.InstanceNorm1d(4, affine=True), LlamaRMSNorm(), Renamed(),
    ],
    ids=lambda norm: type(norm).__name__,
)  # fmt: skip
def test_weight_and_bias_of_a_norm_are_norm(norm: nn.Module) -> None:
    assert set(roles(norm).values()) == {"norm"}
    assert all("bias" in row.roles for row in index(norm) if row.name == "bias")


@pytest.mark.parametrize(
    "name", ["T5LayerNorm", "FrozenBatchNorm", "FusedRMSNorm", "GRN", "LayerNorm2d", "Layernorm", "rms_norm"]
)
def test_a_class_of_any_library_with_the_word_norm_is_a_norm(name: str) -> None:
    assert roles(type(name, (LlamaRMSNorm,), {})()) == {"weight": "norm"}


@pytest.mark.parametrize("kind", [NormalizedLinear, NormLinear])
def test_a_linear_layer_with_norm_in_its_name_is_linear(kind: type[nn.Module]) -> None:
    assert roles(nn.ModuleDict({"a": kind(), "b": nn.LayerNorm(1)}))["a.weight"] == "linear"


def test_a_name_with_the_letters_norm_is_no_norm() -> None:
    model = nn.ModuleDict({"normalizer_proj": nn.Linear(4, 4), "last": nn.LayerNorm(4)})
    assert roles(model)["normalizer_proj.weight"] == "linear"
    assert roles(model)["normalizer_proj.bias"] == "bias"


def test_layers_by_type() -> None:
    model = nn.ModuleDict(
        {
            "conv": nn.Conv1d(4, 4, 3),
            "up": nn.ConvTranspose2d(4, 4, 2),
            "lstm": nn.LSTM(4, 4),
            "bag": nn.EmbeddingBag(3, 4),
            "bilinear": nn.Bilinear(2, 3, 4),
            "lin": nn.Linear(4, 4),
            "last": nn.LayerNorm(4),
        }
    )
    found = roles(model)
    assert {name: found[name] for name in found if "bias" not in name} == {
        "conv.weight": "conv",
        "up.weight": "conv",
        "lstm.weight_ih_l0": "recurrent",
        "lstm.weight_hh_l0": "recurrent",
        "bag.weight": "embedding",
        "bilinear.weight": "linear",
        "lin.weight": "linear",
        "last.weight": "norm",
    }
    assert {role for name, role in found.items() if "bias" in name} == {"bias", "norm"}
    assert found["lstm.bias_hh_l0"] == "bias"


def test_attention_is_what_stands_within_one() -> None:
    rows = index(nn.ModuleList([AttentionBlock(), AttentionBlock()]))
    assert rows["0.attn.qkv.weight"].role == "attention"
    assert rows["0.attn.qkv.weight"].roles == {"attention", "linear", "matrix", "weight"}
    assert rows["0.attn.qkv.bias"].role == "bias"
    assert rows["0.attn.norm.weight"].role == "norm"
    assert rows["0.attn.relative_position_bias_table"].role == "embedding"
    assert rows["0.mlp.weight"].role == "linear"


def test_torchs_own_attention() -> None:
    found = roles(nn.MultiheadAttention(4, 2, add_bias_kv=True))
    assert found["in_proj_weight"] == found["out_proj.weight"] == "attention"
    assert found["in_proj_bias"] == found["out_proj.bias"] == found["bias_k"] == "bias"


@pytest.mark.parametrize(
    ("name", "shape", "role"),
    [
        ("pos_embed", (1, 5, 4), "embedding"), ("cls_token", (1, 1, 4), "embedding"),
        ("class_embedding", (4,), "embedding"), ("positional_embedding", (5, 4), "embedding"),
        ("register_tokens", (1, 4, 8), "embedding"), ("logit_scale", (), "scale"), ("gamma", (4,), "scale"),
        ("layer_scale_parameter", (4,), "scale"), ("q_bias", (4,), "bias"),
        ("text_projection", (4, 4), "linear"),
        ("ln_weight", (4,), "norm"), ("lora_A", (2, 4), "lora_A"), ("lora_B", (4, 2), "lora_B"),
        ("A_log", (4, 4), "weight"),
    ],
)  # fmt: skip
def test_a_tensor_of_a_module_of_no_known_type_is_told_by_its_name(
    name: str, shape: tuple[int, ...], role: str
) -> None:
    assert roles(holding(**{name: torch.ones(shape)})) == {name: role}


def test_matrix_is_two_dimensions_and_no_embedding_and_never_the_role() -> None:
    rows = index(nn.ModuleDict({"e": nn.Embedding(3, 4), "l": nn.Linear(4, 4), "c": nn.Conv1d(4, 4, 1)}))
    assert [row.name for row in rows if "matrix" in row.roles] == ["l.weight"]
    assert "matrix" not in {row.role for row in rows}


def test_t5s_relative_attention_bias_is_an_embedding_and_no_bias() -> None:
    transformers = import_transformers()
    config = transformers.T5Config(vocab_size=20, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    with torch.device("meta"):
        rows = index(transformers.T5ForConditionalGeneration(config))
    row = rows["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    assert row.role == "embedding"
    assert "bias" not in row.roles
    assert rows["encoder.block.0.layer.0.layer_norm.weight"].role == "norm"
    assert rows["lm_head.weight"].name == "shared.weight"


def test_pitfall_21_no_norm_bias_or_embedding_is_left_among_what_decays() -> None:
    transformers = import_transformers()
    config = transformers.GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=2, n_positions=8)
    with torch.device("meta"):
        rows = index(transformers.GPT2LMHeadModel(config))
    decayed = {row.name for row in rows if not row.roles & {"norm", "bias", "embedding"}}
    layers = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    assert decayed == {f"transformer.h.0.{layer}.weight" for layer in layers}
