"""PEFT's models under plans: what is trained has good names and roles, LoRA+ raises what it should."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import paramgroups as pg
from paramgroups.schedules import cosine, warmup
from tests.support import import_peft, import_transformers

transformers, peft = import_transformers(), import_peft()

# transformers asks for it itself.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

WORDS = 40
QUERY = "model.layers.0.self_attn.q_proj"


def llama(*, tied: bool = False) -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=WORDS,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=32,
        tie_word_embeddings=tied,
        use_cache=False,
    )
    return transformers.LlamaForCausalLM(config)


def adapted(kind: str = "LoraConfig", *, tied: bool = False, **said: Any) -> Any:
    """A model with adapters on its queries, unless others are said."""
    given = {"target_modules": ["q_proj"]} | ({"r": 2} if kind == "LoraConfig" else {}) | said
    model = llama(tied=tied)
    torch.manual_seed(1)
    return peft.get_peft_model(model, getattr(peft, kind)(**given))


def recipe(*rules: Any, **said: Any) -> pg.Recipe:
    given: dict[str, Any] = {"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.1, "rules": rules}
    return pg.Recipe(**given | said)


def loss_of(model: nn.Module, step: int = 0) -> Tensor:
    ids = torch.randint(0, WORDS, (2, 8), generator=torch.Generator().manual_seed(step))
    loss: Tensor = model(input_ids=ids, labels=ids).loss
    return loss


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler, steps: range = range(4)
) -> None:
    for step in steps:
        loss_of(model, step).backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()


def trained(plan: pg.Plan) -> dict[str, Any]:
    return {row.name: row for row in plan.rows if row.trainable}


def raised(plan: pg.Plan) -> set[str]:
    return {name for name, row in trained(plan).items() if row.lr == pytest.approx(0.016)}


def copies(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def moved(model: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def test_lora_plus_raises_b_alone_and_the_base_stands_still() -> None:
    model = adapted()
    plan = pg.plan(model, recipe(pg.recipes.lora_plus(16)), steps=4)
    assert raised(plan) == {f"model.layers.{n}.self_attn.q_proj.lora_B.default.weight" for n in range(2)}
    before = copies(model)
    train(model, *pg.build(plan))
    assert moved(model, before) == {name for name in before if "lora_" in name}


ADAPTERS: dict[str, tuple[dict[str, Any], set[str], set[str]]] = {
    "rsLoRA": ({"use_rslora": True}, {"lora_A", "lora_B"}, {"lora_B"}),
    "DoRA": ({"use_dora": True}, {"lora_A", "lora_B", "scale"}, {"lora_B"}),
    "a bias of B": ({"lora_bias": True}, {"lora_A", "lora_B"}, {"lora_B"}),
    "biases of the base": ({"bias": "all"}, {"lora_A", "lora_B"}, {"lora_B"}),
    "a norm beside it": (
        {"modules_to_save": ["norm", "lm_head"]},
        {"lora_A", "lora_B", "norm", "head"},
        {"lora_B"},
    ),
    "an embedding": ({"target_modules": ["q_proj", "embed_tokens"]}, {"lora_A", "lora_B"}, {"lora_B"}),
    "a parameter": (
        {"target_modules": [], "target_parameters": ["layers.0.self_attn.q_proj.weight"]},
        {"lora_A", "lora_B"},
        {"lora_B"},
    ),
}


@pytest.mark.filterwarnings(
    "ignore:`lora_bias=True` was passed but the targeted layer:UserWarning"
)  # it says
@pytest.mark.parametrize(("said", "roles", "fast"), ADAPTERS.values(), ids=ADAPTERS)
def test_what_lora_plus_raises(said: dict[str, Any], roles: set[str], fast: set[str]) -> None:
    model = adapted(**said)
    plan = pg.plan(model, recipe(pg.recipes.lora_plus(16), pg.recipes.no_decay()), steps=4)
    rows = trained(plan)
    assert {row.role for row in rows.values()} == roles
    found = raised(plan)
    assert {rows[name].role for name in found} == fast
    assert all(rows[name].ndim >= 2 and "embedding" not in name for name in found)
    assert found >= {f"{QUERY}.lora_B.default.weight"}
    assert all(group["params"] for group in plan.param_groups())
    before = copies(model)
    train(model, *pg.build(plan))
    assert loss_of(model).isfinite()
    assert moved(model, before)


def test_adapters_of_an_embedding_at_the_rate_of_the_paper() -> None:
    model = adapted(target_modules=["q_proj", "embed_tokens"])
    rows = trained(pg.plan(model, recipe(pg.recipes.lora_plus(16, lr_embedding=1e-6)), steps=4))
    tables = {f"model.embed_tokens.lora_embedding_{side}.default" for side in "AB"}
    assert {name for name, row in rows.items() if row.lr == 1e-6} == tables


class Images(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.conv(x).relu().mean((2, 3)))
        return out


@pytest.mark.parametrize("use_dora", [False, True], ids=["LoRA", "DoRA"])
def test_convolutions(*, use_dora: bool) -> None:
    config = peft.LoraConfig(r=2, target_modules=["conv"], use_dora=use_dora, modules_to_save=["head"])
    model = peft.get_peft_model(Images(), config)
    plan = pg.plan(model, recipe(pg.recipes.lora_plus(16), pg.rule("head", lr=0.5)), steps=4)
    assert raised(plan) == {"conv.lora_B.default.weight"}
    assert {plan[f"head.{part}"].lr for part in ("weight", "bias")} == {0.5}
    optimizer, scheduler = pg.build(plan)
    model(torch.randn(2, 1, 5, 5)).square().sum().backward()
    before = copies(model)
    optimizer.step()
    assert "base_model.model.conv.lora_B.default.weight" in moved(model, before)
    assert scheduler.rates["head"] == 0.5


def test_torchs_and_any_other_optimizer_take_the_groups() -> None:
    model = adapted(modules_to_save=["norm"])
    plan = pg.plan(model, recipe(pg.recipes.lora_plus(16), schedule=cosine()), steps=4)
    optimizer = torch.optim.AdamW(plan.param_groups())
    train(model, optimizer, pg.Scheduler(optimizer, plan))
    # PEFT's own helper fails here: the norm learns as fast as B, and a group has no members.
    make = import_module("peft.optimizers").create_loraplus_optimizer
    helper = make(model, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=16)
    assert [len(group["params"]) for group in optimizer.param_groups] == [7, 2]  # 2 of A and 5 norms, 2 of B
    assert {finding.code for finding in pg.audit(model, helper)} >= {"PG106", "PG118"}
    assert not {finding.code for finding in pg.audit(model, optimizer)} & {"PG106", "PG118"}


OTHERS: dict[str, dict[str, Any]] = {
    "AdaLoraConfig": {"total_step": 10, "init_r": 4, "target_r": 2},
    "LoHaConfig": {"r": 2},
    "LoKrConfig": {"r": 2},
    "IA3Config": {"target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
    "OFTConfig": {"oft_block_size": 4},
    "VeraConfig": {"r": 2},
    "LNTuningConfig": {"target_modules": ["input_layernorm"]},
    "FourierFTConfig": {"n_frequency": 10},
    "PromptTuningConfig": {"task_type": "CAUSAL_LM", "num_virtual_tokens": 4},
}


@pytest.mark.filterwarnings("ignore:Unsupported layer type:UserWarning")  # PEFT's, of every norm but torch's
@pytest.mark.parametrize("kind", OTHERS)
def test_other_methods_are_planned_trained_and_named(kind: str) -> None:
    given = OTHERS[kind]
    if kind == "PromptTuningConfig":
        model = peft.get_peft_model(llama(), peft.PromptTuningConfig(**given))
    else:
        model = adapted(kind, **given)
    plan = pg.plan(model, recipe(pg.rule(":norm | :bias", weight_decay=0.0, missing="ignore")), steps=4)
    rows = trained(plan)
    assert set(rows) == {row.name for row in pg.index(model) if row.trainable}
    assert not [name for name in rows if "base_model" in name or "base_layer" in name]
    before = copies(model)
    train(model, *pg.build(plan))
    assert len(moved(model, before)) >= len(rows)


def test_lora_plus_of_adalora() -> None:
    model = adapted("AdaLoraConfig", total_step=10, init_r=4, target_r=2)
    plan = pg.plan(model, recipe(pg.recipes.lora_plus(16)), steps=4)
    assert raised(plan) == {f"model.layers.{n}.self_attn.q_proj.lora_B.default" for n in range(2)}


def test_a_copy_that_is_saved_has_the_plain_name() -> None:
    model = adapted(modules_to_save=["lm_head"])
    plan = pg.plan(model, recipe(pg.rule("lm_head", lr_scale=10, group="head")), steps=4)
    assert plan["lm_head.weight"].lr == pytest.approx(1e-2)
    assert plan["lm_head.weight"].trainable
    assert pg.build(plan)[1].rates["head"] == pytest.approx(1e-2)


@pytest.mark.parametrize("tied", [False, True], ids=["apart", "tied"])
def test_rows_that_peft_trains(*, tied: bool) -> None:
    model = adapted(tied=tied, trainable_token_indices=[1, 2])
    delta = pg.rule("**.trainable_tokens_delta", lr_scale=10, weight_decay=0.0)
    plan = pg.plan(model, recipe(delta, pg.recipes.lora_plus()), steps=4)
    assert plan["model.embed_tokens.trainable_tokens_delta.default"].lr == pytest.approx(1e-2)
    before = copies(model)
    train(model, *pg.build(plan))
    assert [name for name in moved(model, before) if "trainable_tokens_delta" in name]


def test_new_rows_beside_lora_without_peft() -> None:
    model = adapted()
    model.resize_token_embeddings(WORDS + 3, mean_resizing=False)
    model.get_base_model().config.vocab_size = WORDS + 3
    plan = pg.plan(
        model, recipe(pg.recipes.lora_plus(), pg.recipes.new_tokens(WORDS, 5, freeze_old=True)), steps=4
    )
    before = copies(model)
    train(model, *pg.build(plan))
    table = "base_model.model.model.embed_tokens.weight"
    assert torch.equal(model.state_dict()[table][:WORDS], before[table][:WORDS])
    assert "base_model.model.lm_head.weight" in moved(model, before)


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`:UserWarning")  # as it is meant
@pytest.mark.parametrize("tied", [False, True], ids=["apart", "tied"])
def test_new_rows_of_copies_that_are_saved(*, tied: bool) -> None:
    model = llama(tied=tied)
    model.resize_token_embeddings(WORDS + 3, mean_resizing=False)
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"])
    model = peft.get_peft_model(model, config)
    plan = pg.plan(model, recipe(pg.recipes.new_tokens(WORDS, freeze_old=True)), steps=4)
    before = copies(model)
    train(model, *pg.build(plan))
    after = model.state_dict()
    tables = {name for name in moved(model, before) if "lora_" not in name}
    assert tables == {
        f"base_model.model.{name}.modules_to_save.default.weight"
        for name in ("model.embed_tokens", "lm_head")
    }
    assert all(torch.equal(after[name][:WORDS], before[name][:WORDS]) for name in tables)
    originals = [value for name, value in model.named_parameters() if "original_module" in name]
    assert originals
    assert not any(value.requires_grad for value in originals)


def test_an_adapter_lies_where_its_layer_does() -> None:
    model = adapted(target_modules=["q_proj", "embed_tokens"], use_dora=True)
    rows = {row.name: row for row in pg.index(model)}
    for name, row in rows.items():
        if ".lora_" in name:
            assert row.depth == rows[f"{name.split('.lora_')[0]}.weight"].depth


def two() -> Any:
    model = adapted()
    model.add_adapter("other", peft.LoraConfig(r=3, target_modules=["q_proj", "v_proj"]))
    return model


def test_of_several_adapters_the_active_is_trained() -> None:
    model = two()
    assert all(".default." in name for name in trained(pg.plan(model, recipe())))
    model.set_adapter("other")
    plan = pg.plan(model, recipe(pg.recipes.lora_plus()), steps=4)
    assert all(".other." in name for name in trained(plan))
    before = copies(model)
    train(model, *pg.build(plan))
    assert moved(model, before) == {name for name in before if ".other." in name}


def test_a_switch_after_the_plan_is_found_by_the_audit() -> None:
    model = two()
    optimizer, _ = pg.build(pg.plan(model, recipe(), steps=4))
    model.set_adapter("other")
    found = {finding.code: finding for finding in pg.audit(model, optimizer)}
    assert f"{QUERY}.lora_A.other.weight" in found["PG101"].names


def test_both_adapters_by_a_rule() -> None:
    model = two()
    both = pg.rule("**.{default,other}", trainable=True)
    optimizer, scheduler = pg.build(pg.plan(model, recipe(both, pg.recipes.lora_plus()), steps=8))
    before = copies(model)
    train(model, optimizer, scheduler)
    model.set_adapter("other")
    train(model, optimizer, scheduler)
    assert moved(model, before) == {name for name in before if "lora_" in name}


def test_after_a_merge_the_plan_no_longer_fits() -> None:
    model = adapted()
    optimizer, scheduler = pg.build(pg.plan(model, recipe(pg.recipes.lora_plus()), steps=4))
    train(model, optimizer, scheduler)
    expected = model(input_ids=torch.arange(8)[None]).logits
    merged = model.merge_and_unload()
    assert torch.allclose(merged(input_ids=torch.arange(8)[None]).logits, expected, atol=1e-5)
    assert "PG104" in {finding.code for finding in pg.audit(merged, optimizer)}
    with pytest.raises(pg.ParamGroupsError, match="lora_B"):
        pg.plan(merged, recipe(pg.recipes.lora_plus()))


@pytest.mark.parametrize(
    "make", [adapted, lambda: adapted(use_dora=True), lambda: adapted(modules_to_save=["lm_head"])]
)
def test_a_resume_from_what_peft_saves_is_bit_equal(tmp_path: Path, make: Callable[[], Any]) -> None:
    said = recipe(
        pg.recipes.lora_plus(16),
        pg.rule("model.layers.0", trainable=False, until=3),
        schedule=warmup(2).then(cosine()),
    )
    whole = make()
    train(whole, *pg.build(pg.plan(whole, said, steps=6)), steps=range(6))

    part = make()
    optimizer, scheduler = pg.build(pg.plan(part, said, steps=6))
    train(part, optimizer, scheduler, steps=range(2))
    part.save_pretrained(tmp_path, safe_serialization=True)
    states = optimizer.state_dict(), scheduler.state_dict()

    again = peft.PeftModel.from_pretrained(llama(), tmp_path, is_trainable=True)
    optimizer, scheduler = pg.build(pg.plan(again, said, steps=6))
    optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    train(again, optimizer, scheduler, steps=range(2, 6))
    one, other = copies(whole), copies(again)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_one_file_for_all(tmp_path: Path) -> None:
    said = recipe(pg.recipes.lora_plus(16))
    model = adapted()
    optimizer, scheduler = pg.build(pg.plan(model, said, steps=4))
    train(model, optimizer, scheduler, steps=range(2))
    pg.save(tmp_path / "last.safetensors", model=model, optimizer=optimizer, scheduler=scheduler)
    again = adapted()
    optimizer, scheduler = pg.build(pg.plan(again, said, steps=4))
    pg.load(tmp_path / "last.safetensors", model=again, optimizer=optimizer, scheduler=scheduler)
    assert scheduler.last_epoch == 2
    assert not moved(again, copies(model))
