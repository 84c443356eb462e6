"""Models of every kind in the Trainer, each with rules that make sense for it, at the rates of the plan."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import transformers as tf

import paramgroups as pg
from paramgroups.integrations.transformers import RecipeTrainer
from paramgroups.schedules import cosine, linear, warmup
from tests.integrations.transformers_cases import (
    Applied,
    arguments,
    equal,
    little_garbage,  # noqa: F401  # a fixture
    planned,
)

pytestmark = pytest.mark.usefixtures("little_garbage")
WORDS, WIDTH, STEPS = 32, 8, 6
UNUSED = "vision_tower.post_layernorm"
"""It has no gradient: LLaVA reads what is before it."""
SMALL = {"hidden_size": WIDTH, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
IMAGE = {"image_size": 8, "patch_size": 4, "num_channels": 1}
NO_WORDS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
Row = dict[str, Any]


def bert() -> Any:
    return tf.BertForSequenceClassification(tf.BertConfig(vocab_size=WORDS, num_labels=2, **SMALL))


def gpt2() -> Any:
    config = tf.GPT2Config(vocab_size=WORDS, n_embd=WIDTH, n_layer=2, n_head=2, n_positions=8, **NO_WORDS)
    return tf.GPT2LMHeadModel(config)


def llama() -> Any:
    return tf.LlamaForCausalLM(tf.LlamaConfig(vocab_size=WORDS, **SMALL, **NO_WORDS))


def t5() -> Any:
    config = tf.T5Config(
        vocab_size=WORDS, d_model=WIDTH, d_kv=4, d_ff=8, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    return tf.T5ForConditionalGeneration(config)


def vit() -> Any:
    return tf.ViTForImageClassification(tf.ViTConfig(num_labels=2, **IMAGE, **SMALL))


def resnet() -> Any:
    config = tf.ResNetConfig(
        num_channels=1, embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", num_labels=2
    )
    return tf.ResNetForImageClassification(config)


def llava() -> Any:
    vision = tf.CLIPVisionConfig(**(SMALL | IMAGE), projection_dim=WIDTH)
    text = tf.LlamaConfig(vocab_size=WORDS, **SMALL, **NO_WORDS)
    config = tf.LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=WORDS - 1, vision_feature_layer=-1
    )
    return tf.LlavaForConditionalGeneration(config)


def sentence(one: int, *, label: bool = False) -> Row:
    ids = torch.tensor([(one * 7 + place) % (WORDS - 1) for place in range(6)])
    return {"input_ids": ids, "labels": one % 2 if label else ids.clone()}


def picture(one: int) -> Row:
    return {"pixel_values": torch.full((1, 8, 8), (one % 5) / 5), "labels": one % 2}


def picture_and_sentence(one: int) -> Row:
    ids = torch.cat([torch.full((4,), WORDS - 1), sentence(one)["input_ids"]])
    return {"pixel_values": picture(one)["pixel_values"], "input_ids": ids, "labels": ids.clone()}


class Case(NamedTuple):
    model: Callable[[], Any]
    row: Callable[[int], Row]
    rules: list[Any]
    rates: dict[str, float]
    """What the first update is made with, of 1e-2, by a name of each kind."""


CASES = {
    "encoder": Case(
        bert,
        partial(sentence, label=True),
        [pg.recipes.layer_decay(0.5), pg.recipes.no_decay(":norm | :bias | :embedding")],
        {
            "classifier.weight": 1e-2,
            "bert.encoder.layer.1.output.dense.weight": 5e-3,
            "bert.encoder.layer.0.output.dense.weight": 2.5e-3,
            "bert.embeddings.word_embeddings.weight": 1.25e-3,
        },
    ),
    "decoder, tied": Case(
        gpt2,
        sentence,
        [pg.rule("lm_head", lr_scale=0.1), pg.rule("transformer.wte.weight[20:]", lr_scale=5)],
        {"transformer.wte.weight": 1e-3, "transformer.h.1.attn.c_attn.weight": 1e-2},
    ),
    "decoder": Case(
        llama,
        sentence,
        [
            pg.recipes.gradual_unfreezing(over="50%"),
            pg.rule("model.embed_tokens", lr_scale=0.1),
            pg.rule("**.self_attn.{q,k}_proj", lr_scale=0.5),
        ],
        {"lm_head.weight": 1e-2, "model.layers.1.self_attn.q_proj.weight": 5e-3},
    ),
    "encoder-decoder": Case(
        t5,
        sentence,
        [
            pg.rule("encoder", lr_scale=0.2),
            pg.rule("shared", trainable=False),
            pg.rule("decoder", schedule=linear(end=0.1)),
        ],
        {
            "encoder.block.0.layer.0.SelfAttention.q.weight": 2e-3,
            "decoder.block.0.layer.0.SelfAttention.q.weight": 1e-2,
        },
    ),
    "vision transformer": Case(
        vit,
        picture,
        [pg.recipes.layer_decay(0.5), pg.rule("vit.embeddings", trainable=False, until="50%")],
        {"classifier.weight": 1e-2, "vit.layers.1.mlp.fc1.weight": 5e-3},
    ),
    "convolutions": Case(
        resnet,
        picture,
        [pg.rule("resnet.embedder", trainable=False, until="50%"), pg.rule(":norm", weight_decay=0.0)],
        {"classifier.1.weight": 1e-2, "resnet.embedder.embedder.convolution.weight": 1e-2},
    ),
    "vision, projector, language": Case(
        llava,
        picture_and_sentence,
        [
            pg.rule("model.vision_tower", lr_scale=0.1, group="vision"),
            pg.rule("model.multi_modal_projector", lr_scale=10, group="projector", schedule=cosine()),
            pg.rule(
                "model.language_model | lm_head",
                group="language",
                trainable=False,
                until=2,
                schedule=warmup(4),
            ),
        ],
        {
            "model.vision_tower.encoder.layers.0.mlp.fc1.weight": 1e-3,
            "model.multi_modal_projector.linear_1.weight": 1e-1,
            "model.language_model.layers.0.mlp.up_proj.weight": 2.5e-3,
        },
    ),
}


def trained(case: Case, folder: Path, *callbacks: Any, **said: Any) -> Any:
    torch.manual_seed(0)
    by = pg.Recipe(optimizer="adamw", lr=1e-2, rules=case.rules)
    host = RecipeTrainer(
        case.model(),
        arguments(folder, **({"max_steps": STEPS, "train_sampling_strategy": "sequential"} | said)),
        train_dataset=[case.row(one) for one in range(24)],
        recipe=by,
        callbacks=list(callbacks),
    )
    host.train()
    return host


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_parameter_is_trained_at_the_rate_of_the_plan(case: Case, tmp_path: Path) -> None:
    seen = Applied()
    host = trained(case, tmp_path, seen)
    assert seen.rates == [planned(host.plan, step) for step in range(STEPS)]
    assert {name: seen.rates[0][name] for name in case.rates} == pytest.approx(case.rates)
    torch.manual_seed(0)
    before = dict(case.model().named_parameters())
    frozen = {row.name for row in host.plan.frozen}
    for name, one in host.model.named_parameters():
        assert torch.equal(one, before[name]) == (name in frozen or UNUSED in name), name


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_is_resumed_bit_equal(case: Case, tmp_path: Path) -> None:
    whole = trained(case, tmp_path, save_strategy="steps", save_steps=2)
    torch.manual_seed(1)
    part = RecipeTrainer(
        case.model(),
        arguments(tmp_path / "part", max_steps=STEPS, train_sampling_strategy="sequential"),
        train_dataset=whole.train_dataset,
        recipe=whole.plan.given,
    )
    part.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert equal(whole.model, part.model)


def test_modules_of_which_all_is_frozen_stand_still_in_the_trainer(tmp_path: Path) -> None:
    class Watches(tf.TrainerCallback):
        def __init__(self) -> None:
            self.means: list[torch.Tensor] = []

        def on_step_end(self, *_: Any, model: Any, **_known: Any) -> None:
            self.means.append(model.resnet.embedder.embedder.normalization.running_mean.clone())

    seen = Watches()
    trained(CASES["convolutions"], tmp_path, seen)
    assert [bool(one.any()) for one in seen.means] == [False] * 3 + [True] * 3


def test_the_projector_of_a_language_and_vision_model_is_logged_by_its_name(tmp_path: Path) -> None:
    host = trained(CASES["vision, projector, language"], tmp_path)
    logs = [log for log in host.state.log_history if "loss" in log]
    assert {name for name in logs[0] if name.startswith("lr/")} == {
        "lr/vision",
        "lr/projector",
        "lr/language",
    }
    assert [log["lr/projector"] for log in logs] == host.plan.curve(
        "model.multi_modal_projector.linear_1.weight"
    )


def test_rows_of_an_embedding_are_logged_at_their_rate(tmp_path: Path) -> None:
    host = trained(CASES["decoder, tied"], tmp_path)
    log = host.state.log_history[0]
    assert log["lr/transformer.wte.weight[20:32]"] == pytest.approx(5e-3)
