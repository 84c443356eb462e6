"""Depth of real architectures, built small and on `meta`; the library names none of them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from paramgroups.indexing import index
from tests.support import import_timm, import_transformers

SMALL = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 20}


def hugging(kind: str, config: str, **settings: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        transformers = import_transformers()
        model: nn.Module = getattr(transformers, kind)(getattr(transformers, config)(**settings))
        return model

    return build


def timm(name: str, **settings: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        model: nn.Module = import_timm().create_model(name, **settings)
        return model

    return build


def undeclared(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """The same model as if it did not say its depth itself."""

    def hidden() -> nn.Module:
        model = build()
        model.group_matcher = None  # type: ignore[assignment] # what the model declares is hidden
        return model

    return hidden


def detr() -> nn.Module:
    transformers = import_transformers()
    backbone = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 4], depths=[2, 1], out_features=["stage2"], layer_type="basic"
    )
    config = transformers.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=backbone,
        d_model=8, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=8, decoder_ffn_dim=8, num_queries=3,
    )  # fmt: skip
    model: nn.Module = transformers.DetrForObjectDetection(config)
    return model


SEQ2SEQ = {
    "d_model": 8, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "vocab_size": 20,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8,
}  # fmt: skip
TOWER = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}

# For each model: how to build it, its levels (or those of each tower), and the depth of all under some paths.
MODELS: dict[str, tuple[Callable[[], nn.Module], int | dict[str, int], dict[str, int]]] = {
    "bert": (
        hugging("BertForSequenceClassification", "BertConfig", num_hidden_layers=3, **SMALL),
        5,
        {
            "bert.embeddings": 0,
            "bert.encoder.layer.0": 1,
            "bert.encoder.layer.2": 3,
            "bert.pooler": 4,
            "classifier": 4,
        },
    ),
    "bert of one layer": (
        hugging("BertForSequenceClassification", "BertConfig", num_hidden_layers=1, **SMALL),
        3,
        {"bert.embeddings": 0, "bert.encoder.layer.0": 1, "classifier": 2},
    ),
    "roberta": (
        hugging("RobertaForMaskedLM", "RobertaConfig", num_hidden_layers=2, **SMALL),
        4,
        {"roberta.embeddings": 0, "roberta.encoder.layer.1": 2, "lm_head.dense": 3},
    ),
    "distilbert": (
        hugging(
            "DistilBertForSequenceClassification",
            "DistilBertConfig",
            n_layers=2,
            dim=8,
            n_heads=2,
            hidden_dim=8,
        ),
        4,
        {
            "distilbert.embeddings": 0,
            "distilbert.transformer.layer.0": 1,
            "pre_classifier": 3,
            "classifier": 3,
        },
    ),
    "gpt2": (
        hugging("GPT2LMHeadModel", "GPT2Config", n_layer=2, n_embd=8, n_head=2, vocab_size=20),
        4,
        {
            "transformer.wte": 0,
            "transformer.wpe": 0,
            "transformer.h.0": 1,
            "transformer.h.1": 2,
            "transformer.ln_f": 3,
        },
    ),
    "llama": (
        hugging("LlamaForCausalLM", "LlamaConfig", num_hidden_layers=2, num_key_value_heads=2, **SMALL),
        4,
        {"model.embed_tokens": 0, "model.layers.0": 1, "model.layers.1": 2, "model.norm": 3, "lm_head": 3},
    ),
    "mixtral": (
        hugging(
            "MixtralForCausalLM",
            "MixtralConfig",
            num_hidden_layers=2,
            num_key_value_heads=2,
            num_local_experts=4,
            **SMALL,
        ),
        4,
        {"model.embed_tokens": 0, "model.layers.0": 1, "model.layers.1.mlp.experts": 2, "lm_head": 3},
    ),
    "albert": (
        hugging(
            "AlbertForSequenceClassification", "AlbertConfig", num_hidden_layers=4, embedding_size=4, **SMALL
        ),
        3,
        {
            "albert.embeddings": 0,
            "albert.encoder.embedding_hidden_mapping_in": 0,
            "albert.encoder.albert_layer_groups": 1,
            "classifier": 2,
        },
    ),
    "mamba": (
        hugging(
            "MambaForCausalLM", "MambaConfig", num_hidden_layers=2, hidden_size=8, vocab_size=20, state_size=2
        ),
        4,
        {"backbone.embeddings": 0, "backbone.layers.0": 1, "backbone.layers.1": 2, "backbone.norm_f": 3},
    ),
    "t5": (
        hugging(
            "T5ForConditionalGeneration",
            "T5Config",
            num_layers=2,
            num_decoder_layers=1,
            d_model=8,
            d_kv=4,
            num_heads=2,
            d_ff=8,
            vocab_size=20,
        ),
        {"encoder": 4, "decoder": 3},
        {
            "shared": 0,
            "encoder.block.0": 1,
            "encoder.block.1": 2,
            "encoder.final_layer_norm": 3,
            "decoder.block.0": 1,
            "decoder.final_layer_norm": 2,
        },
    ),
    "bart": (
        hugging("BartForConditionalGeneration", "BartConfig", **SEQ2SEQ),
        {"model.encoder": 3, "model.decoder": 3},
        {
            "model.shared": 0,
            "model.encoder.embed_positions": 0,
            "model.encoder.layernorm_embedding": 0,
            "model.encoder.layers.1": 2,
            "model.decoder.layers.0": 1,
        },
    ),
    "whisper": (
        hugging("WhisperForConditionalGeneration", "WhisperConfig", pad_token_id=0, **SEQ2SEQ),
        {"model.encoder": 4, "model.decoder": 3},
        {
            "model.encoder.conv1": 0,
            "model.encoder.conv2": 0,
            "model.encoder.layers.0": 1,
            "model.encoder.layer_norm": 3,
            "model.decoder.embed_tokens": 0,
            "model.decoder.layers.0": 1,
            "model.decoder.layer_norm": 2,
        },
    ),
    "vit": (
        hugging(
            "ViTForImageClassification", "ViTConfig", num_hidden_layers=2, image_size=8, patch_size=4, **TOWER
        ),
        4,
        {"vit.embeddings": 0, "vit.layers.0": 1, "vit.layernorm": 3, "classifier": 3},
    ),
    "swin": (
        hugging(
            "SwinForImageClassification",
            "SwinConfig",
            depths=[2, 1],
            num_heads=[2, 2],
            embed_dim=8,
            window_size=2,
            image_size=16,
        ),
        5,
        {
            "swin.embeddings": 0,
            "swin.encoder.layers.0.blocks.0": 1,
            "swin.encoder.layers.0.blocks.1": 2,
            "swin.encoder.layers.0.downsample": 3,
            "swin.encoder.layers.1.blocks.0": 3,
            "swin.layernorm": 4,
        },
    ),
    "convnext": (
        hugging(
            "ConvNextForImageClassification",
            "ConvNextConfig",
            num_stages=2,
            depths=[1, 2],
            hidden_sizes=[4, 8],
        ),
        5,
        {
            "convnext.embeddings": 0,
            "convnext.encoder.stages.0": 1,
            "convnext.encoder.stages.1.downsampling_layer": 2,
            "convnext.encoder.stages.1.layers.0": 2,
            "convnext.encoder.stages.1.layers.1": 3,
            "classifier": 4,
        },
    ),
    "resnet": (
        hugging(
            "ResNetForImageClassification",
            "ResNetConfig",
            depths=[2, 1],
            hidden_sizes=[4, 8],
            embedding_size=4,
        ),
        5,
        {
            "resnet.embedder": 0,
            "resnet.encoder.stages.0.layers.0": 1,
            "resnet.encoder.stages.0.layers.1": 2,
            "resnet.encoder.stages.1.layers.0": 3,
            "classifier": 4,
        },
    ),
    "clip": (
        hugging(
            "CLIPModel",
            "CLIPConfig",
            text_config={**TOWER, "num_hidden_layers": 1},
            vision_config={**TOWER, "num_hidden_layers": 2},
        ),
        {"text_model": 3, "vision_model": 4},
        {
            "text_model.embeddings": 0,
            "text_model.encoder.layers.0": 1,
            "text_projection": 2,
            "vision_model.embeddings": 0,
            "vision_model.pre_layrnorm": 0,
            "vision_model.encoder.layers.1": 2,
            "vision_model.post_layernorm": 3,
            "visual_projection": 3,
        },
    ),
    "detr": (
        detr,
        {"model.backbone": 5, "model.encoder": 3, "model.decoder": 2},
        {
            "model.backbone.model.embedder": 0,
            "model.backbone.model.encoder.stages.0.layers.1": 2,
            "model.backbone.model.encoder.stages.1.layers.0": 3,
            "model.input_projection": 4,
            "model.encoder.layers.0": 1,
            "model.decoder.layers.0": 0,
            "bbox_predictor": 1,
        },
    ),
    "timm vit": (
        timm("vit_tiny_patch16_224", depth=2, embed_dim=8, num_heads=2),
        4,
        {
            "cls_token": 0,
            "pos_embed": 0,
            "patch_embed": 0,
            "blocks.0": 1,
            "blocks.1": 2,
            "norm": 2,
            "head": 3,
        },
    ),
    "timm vit, undeclared": (
        undeclared(timm("vit_tiny_patch16_224", depth=2, embed_dim=8, num_heads=2)),
        4,
        {
            "cls_token": 0,
            "pos_embed": 0,
            "patch_embed": 0,
            "blocks.0": 1,
            "blocks.1": 2,
            "norm": 3,
            "head": 3,
        },
    ),
    "timm eva": (
        timm("eva02_tiny_patch14_224", depth=2, num_classes=3),
        4,
        {"cls_token": 0, "blocks.0": 1, "blocks.1": 2, "head": 3},
    ),
    "timm resnet": (
        timm("resnet18"),
        10,
        {"conv1": 0, "layer1.0": 1, "layer1.1": 2, "layer2.0": 3, "layer4.1": 8, "fc": 9},
    ),
    "timm resnet, undeclared": (
        undeclared(timm("resnet18")),
        10,
        {"conv1": 0, "bn1": 0, "layer1.0": 1, "layer2.0": 3, "layer4.1": 8, "fc": 9},
    ),
    "timm convnext, undeclared": (
        undeclared(timm("convnext_atto", depths=(1, 2, 1, 1))),
        7,
        {
            "stem": 0,
            "stages.0.blocks.0": 1,
            "stages.1.downsample": 2,
            "stages.1.blocks.1": 3,
            "stages.3": 5,
            "head": 6,
        },
    ),
    "timm swin, undeclared": (
        undeclared(timm("swin_tiny_patch4_window7_224", depths=(1, 2, 1, 1))),
        7,
        {
            "patch_embed": 0,
            "layers.0.blocks.0": 1,
            "layers.1.downsample": 2,
            "layers.1.blocks.1": 3,
            "norm": 6,
            "head": 6,
        },
    ),
    "timm efficientnet, undeclared": (
        undeclared(timm("efficientnet_b0")),
        18,
        {"conv_stem": 0, "bn1": 0, "blocks.0.0": 1, "blocks.6.0": 16, "conv_head": 17, "classifier": 17},
    ),
    "timm regnet, undeclared": (
        undeclared(timm("regnetx_002")),
        15,
        {"stem": 0, "s1.b1": 1, "s3.b1": 3, "s4.b7": 13, "head": 14},
    ),
    "timm densenet, undeclared": (
        undeclared(timm("densenet121")),
        60,
        {
            "features.conv0": 0,
            "features.denseblock1.denselayer1": 1,
            "features.transition1": 7,
            "features.denseblock2.denselayer1": 7,
            "features.norm5": 59,
            "classifier": 59,
        },
    ),
}


@pytest.mark.parametrize(("build", "levels", "depths"), MODELS.values(), ids=MODELS)
def test_depth_and_levels(
    build: Callable[[], nn.Module], levels: int | dict[str, int], depths: dict[str, int]
) -> None:
    with torch.device("meta"):
        rows = index(build())
    expected = levels if isinstance(levels, dict) else {"": levels}
    assert {row.tower: row.levels for row in rows} == expected
    for path, depth in depths.items():
        found = {row.depth for row in rows if f"{row.name}.".startswith(f"{path}.")}
        assert found == {depth}, f"{path}: {found}"
