"""Output layers: told by the model, by whole names and types, or by standing last."""

import pytest
import torch
from torch import nn

from paramgroups.indexing import index
from tests.support import import_timm, import_transformers


def heads(model: nn.Module) -> list[str]:
    return [row.name for row in index(model) if "head" in row.roles]


def model_of(**children: nn.Module) -> nn.Module:
    model = nn.Module()
    for name, child in children.items():
        model.add_module(name, child)
    return model


def linear() -> nn.Linear:
    return nn.Linear(2, 2, bias=False)


@pytest.mark.parametrize(
    "name", ["head", "classifier", "decode_head", "score", "qa_outputs", "fc", "bbox_predictor"]
)
def test_a_head_by_its_name(name: str) -> None:
    assert heads(model_of(**{"body": linear(), name: linear(), "scale": nn.LayerNorm(2)})) == [
        f"{name}.weight"
    ]


def test_no_head_by_a_part_of_a_name_or_within_blocks() -> None:
    blocks = nn.ModuleList([model_of(head=linear(), norm=nn.LayerNorm(2))])
    model = model_of(overhead=linear(), header=linear(), fc1=linear(), blocks=blocks, norm=nn.LayerNorm(2))
    assert heads(model) == []


def test_all_in_a_head_is_head_and_an_embedding_tied_to_it_too() -> None:
    rows = index(model_of(body=linear(), head=nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 2))))
    assert [(row.name, row.role) for row in rows][1:] == [
        ("head.0.weight", "norm"), ("head.0.bias", "norm"),
        ("head.1.weight", "head"), ("head.1.bias", "bias"),
    ]  # fmt: skip
    assert all("head" in row.roles for row in list(rows)[1:])


def test_the_last_layer_of_a_plain_model() -> None:
    assert heads(nn.Sequential(linear(), nn.ReLU(), linear(), nn.Softmax(1))) == ["2.weight"]
    assert heads(model_of(fc1=linear(), fc2=linear(), relu=nn.ReLU())) == ["fc2.weight"]
    assert heads(model_of(body=linear(), up=model_of(conv=nn.Conv2d(1, 1, 1, bias=False)))) == [
        "up.conv.weight"
    ]


def test_no_head_where_the_last_layer_is_none() -> None:
    assert heads(linear()) == []
    assert heads(nn.Sequential(linear(), nn.LayerNorm(2))) == []
    assert heads(nn.Sequential(linear(), linear(), nn.ReLU())) == []
    assert heads(model_of(stem=linear(), block=model_of(a=linear(), b=linear()))) == []


def test_transformers_and_timm_are_asked() -> None:
    transformers, timm = import_transformers(), import_timm()
    config = transformers.WhisperConfig(
        vocab_size=20, d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=8, decoder_ffn_dim=8, pad_token_id=0,
        tie_word_embeddings=False,
    )  # fmt: skip
    with torch.device("meta"):
        assert heads(transformers.WhisperForConditionalGeneration(config)) == ["proj_out.weight"]
        assert heads(timm.create_model("resnet18")) == ["fc.weight", "fc.bias"]
        assert heads(timm.create_model("resnet18", num_classes=0)) == []
