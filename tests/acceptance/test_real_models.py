"""Real architectures: names, ties, roles and depth, as somebody expects who knows the models."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

import paramgroups as pg
from tests.acceptance.models import backward, bert, clip, gpt2, lora, planned, resnet, small, t5, vit

from_peft = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

DEPTHS = {
    "bert": (
        bert,
        {
            "bert.embeddings.word_embeddings.weight": 0,
            "bert.embeddings.LayerNorm.weight": 0,
            "bert.encoder.layer.0.attention.self.query.weight": 1,
            "bert.encoder.layer.2.output.LayerNorm.bias": 3,
            "classifier.weight": 4,
        },
    ),
    "gpt2": (
        gpt2,
        {
            "transformer.wte.weight": 0,
            "transformer.wpe.weight": 0,
            "transformer.h.0.attn.c_attn.weight": 1,
            "transformer.h.1.ln_2.weight": 2,
        },
    ),
    "t5": (
        t5,
        {
            "shared.weight": 0,
            "encoder.block.0.layer.0.SelfAttention.q.weight": 1,
            "encoder.block.1.layer.0.SelfAttention.q.weight": 2,
            "decoder.block.0.layer.0.SelfAttention.q.weight": 1,
            "decoder.block.1.layer.0.SelfAttention.q.weight": 2,
        },
    ),
}


@pytest.mark.parametrize(("build", "depths"), DEPTHS.values(), ids=DEPTHS)
def test_depth(build: Callable[[], nn.Module], depths: dict[str, int]) -> None:
    index = pg.index(build())
    assert {name: index[name].depth for name in depths} == depths


@pytest.mark.parametrize("build", [bert, gpt2, vit, resnet, t5, clip])
def test_every_tensor_is_one_row_and_a_recipe_covers_all(build: Callable[[], nn.Module]) -> None:
    model = build()
    named = dict(model.named_parameters())
    index = pg.index(model)
    assert [row.name for row in index] == list(named)
    for row in index:
        assert (tuple(row.shape), row.ndim, row.numel) == (
            tuple(named[row.name].shape),
            named[row.name].ndim,
            named[row.name].numel(),
        )
        assert 0 <= row.depth < row.levels
    plan = planned(pg.recipes.layer_decay(0.5), pg.recipes.no_decay(), model=model, lr=1.0)
    for found in plan.rows:
        assert found.lr == 0.5 ** (found.levels - 1 - found.depth)
        assert found.weight_decay == (0.0 if found.role in ("norm", "bias") else 0.01)
    ids = [id(tensor) for group in plan.param_groups() for tensor in group["params"]]
    assert sorted(ids) == sorted(map(id, named.values()))


@pytest.mark.parametrize("build", [bert, vit, resnet])
def test_the_head_is_alone_at_the_top(build: Callable[[], nn.Module]) -> None:
    rows = list(pg.index(build()))
    head = [row for row in rows if row.name.startswith("classifier")]
    assert head
    assert all(row.depth == row.levels - 1 for row in head)
    assert {row.name for row in pg.index(build()) if "head" in row.roles} == {row.name for row in head}


def test_gpt2_is_tied() -> None:
    plan = planned(pg.rule("lm_head", lr=0.7), model=gpt2())
    assert plan["transformer.wte.weight"].lr == plan["lm_head.weight"].lr == 0.7
    assert plan["lm_head.weight"].role == "embedding"
    assert planned(pg.rule(":embedding", lr=0.6), model=gpt2())["lm_head.weight"].lr == 0.6
    assert planned(pg.rule(":head", lr=0.5), model=gpt2())["lm_head.weight"].lr == 0.5


def test_t5s_relative_attention_bias_is_an_embedding_and_its_norm_a_norm() -> None:
    index = pg.index(t5())
    row = index["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    assert row.role == "embedding"
    assert index["encoder.block.0.layer.0.layer_norm.weight"].role == "norm"
    assert set(index["shared.weight"].aliases) >= {
        "encoder.embed_tokens.weight",
        "decoder.embed_tokens.weight",
    }
    plan = planned(pg.rule(":norm | :bias", weight_decay=0.0), model=t5())
    assert plan[row.name].weight_decay == 0.01


def test_clip_has_two_towers_with_a_depth_of_their_own() -> None:
    index = pg.index(clip())
    towers = {row.tower for row in index if "layers.0." in row.name}
    assert len(towers) == 2
    first = [row for row in index if "encoder.layers.0.mlp.fc1.weight" in row.name]
    assert [row.depth for row in first] == [1, 1]
    assert len({row.levels for row in first}) == 2


def test_a_resnets_stages_go_on_counting() -> None:
    index = pg.index(resnet())
    order = [
        "resnet.embedder.embedder.convolution.weight",
        "resnet.encoder.stages.0.layers.0.layer.0.convolution.weight",
        "resnet.encoder.stages.0.layers.1.layer.0.convolution.weight",
        "resnet.encoder.stages.1.layers.0.layer.0.convolution.weight",
        "classifier.1.weight",
    ]
    assert [index[name].depth for name in order] == [0, 1, 2, 3, 4]
    assert index["resnet.embedder.embedder.normalization.weight"].role == "norm"
    assert index[order[0]].role == "conv"


@from_peft
def test_lora() -> None:
    plain = {row.name for row in pg.index(bert())}
    model = lora(bert(), target_modules=["query", "value"], modules_to_save=["classifier"])
    plan = planned(
        pg.rule(":lora_B", lr_scale=16), pg.rule("classifier", lr_scale=2), pg.recipes.no_decay(), model=model
    )
    assert plain <= {row.name for row in plan.rows}
    factors = [row for row in plan.rows if row.role in ("lora_A", "lora_B")]
    assert {(row.role, row.lr) for row in factors} == {("lora_A", 0.1), ("lora_B", 1.6)}
    assert len(factors) == 3 * 2 * 2
    assert plan["classifier.weight"].lr == 0.2
    assert plan["classifier.weight"].trainable
    assert not plan["bert.encoder.layer.0.attention.self.query.weight"].trainable
    assert not any(name.startswith("base_model") for name in plan.at(0))
    live = sorted(id(tensor) for tensor in model.parameters() if tensor.requires_grad)
    assert sorted(id(one) for group in plan.param_groups() for one in group["params"]) == live


@from_peft
def test_lora_without_norms_has_no_empty_group() -> None:
    model = lora(gpt2(), target_modules=["c_attn"], fan_in_fan_out=True)
    groups = planned(pg.recipes.no_decay(), model=model).param_groups()
    assert [len(group["params"]) for group in groups] == [4]


def test_a_compiled_and_a_parametrized_model_keep_their_names() -> None:
    plain = [row.name for row in pg.index(small())]
    compiled = torch.compile(small(), backend="eager")
    assert isinstance(compiled, nn.Module)
    assert [row.name for row in pg.index(compiled)] == plain
    normed = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 2)))
    assert {row.name for row in pg.index(normed)} == {"0.bias", "0.weight.original0", "0.weight.original1"}
    assert len(planned(pg.rule("0.weight", lr=0.5), model=normed, lr=0.1).groups) == 2


def test_a_user_declares_a_depth() -> None:
    by_name = {"0": 0, "1": 1, "2": 2}
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, rules=[pg.recipes.layer_decay(0.5)])
    plan = pg.plan(small(), recipe, steps=1, depth=by_name)
    assert [plan[f"{at}.weight"].lr for at in range(3)] == [0.25, 0.5, 1.0]
    traced = pg.plan(small(), recipe, steps=1, example=torch.zeros(1, 4))
    assert traced["2.weight"].lr == 1.0 > traced["0.weight"].lr


def test_frozen_is_frozen_and_thaws() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    plan = planned(
        pg.rule("0 | 1", trainable=False, until=3), model=model, steps=6, optimizer="sgd", momentum=0.9
    )
    optimizer, scheduler = pg.build(plan)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for tick in range(6):
        optimizer.zero_grad()
        backward(model.train())
        optimizer.step()
        scheduler.step()
        same = {name for name, tensor in model.state_dict().items() if torch.equal(tensor, before[name])}
        if tick < 3:
            assert same == {name for name in before if not name.startswith("2")}
        else:
            # A bias before a batch norm has no gradient but rounding: the norm takes the mean off again.
            assert same <= {"0.bias"}
