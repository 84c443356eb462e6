"""Norms and biases beside their weights."""

from typing import Any

import pytest
from torch import nn
from torch.optim import SGD, Adam, AdamW

import paramgroups as pg
from paramgroups.auditing.looks.vectors import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of
from tests.support import import_peft, import_transformers


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


def parted(model: nn.Module, matrices: float, vectors: float) -> Adam:
    parts = [[p for p in model.parameters() if (p.ndim > 1) is whole] for whole in (True, False)]
    return Adam([{"params": parts[0], "lr": matrices}, {"params": parts[1], "lr": vectors}])


def test_vectors_at_more_than_twice_the_rate_are_told() -> None:
    model = small()
    findings = look(model, parted(model, 1e-4, 3e-4))
    assert codes(findings) == ["PG118"]
    assert findings[0].names == ("0.bias", "1.weight", "1.bias", "3.bias")
    assert '"0.bias" learns at 0.0003, and the weight beside it at 0.0001.' in findings[0].message


@pytest.mark.parametrize("factor", [0.1, 1.0, 2.0], ids=str)
def test_twice_the_rate_for_biases_is_an_old_habit(factor: float) -> None:
    model = small()
    assert not look(model, parted(model, 1e-4, factor * 1e-4))


def test_a_norm_is_compared_with_the_fastest_weight_around_it() -> None:
    model = small()
    slow = {"params": model[0].parameters(), "lr": 1e-5}
    assert not look(model, AdamW([slow, {"params": model[1:].parameters(), "lr": 1e-3}]))


def test_frozen_weights_are_no_measure() -> None:
    model = small()
    for p in model.parameters():
        p.requires_grad_(p.ndim == 1)
    groups = [{"params": [model[0].bias], "lr": 1e-4}, {"params": model[1].parameters(), "lr": 1e-2}]
    assert not look(model, SGD(groups))


def test_rates_that_go_with_width_are_sound() -> None:
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 9))
    hidden = [model[1].weight, model[3].weight]
    others = [p for p in model.parameters() if not any(p is one for one in hidden)]
    assert not look(model, Adam([{"params": hidden, "lr": 1e-4}, {"params": others, "lr": 1e-3}]))


def test_a_plan_is_left_to_its_own_checks() -> None:
    model = small()
    recipe = pg.Recipe(optimizer="adam", lr=1e-4, rules=[pg.rule(":bias", lr_scale=10)])
    assert not look(model, *pg.build(pg.plan(model, recipe, steps=5)))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT asks transformers by an old name
def test_the_helper_of_lora_plus_raises_vectors_and_our_rule_does_not() -> None:
    transformers, peft = import_transformers(), import_peft()
    from peft.optimizers import create_loraplus_optimizer  # noqa: PLC0415  # loads only after `import_peft`

    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    bert = transformers.BertForSequenceClassification(config)
    lora = peft.LoraConfig(
        r=2, target_modules=["query", "value"], bias="lora_only", modules_to_save=["classifier"]
    )
    model = peft.get_peft_model(bert, lora)
    optimizer: Any = create_loraplus_optimizer(model, AdamW, lr=1e-4, loraplus_lr_ratio=16)
    findings = look(model, optimizer)
    assert codes(findings) == ["PG118"]
    assert "classifier.bias" in findings[0].names
    assert len(findings[0].names) == 5  # and the biases of two queries and two values
    recipe = pg.Recipe(optimizer="adamw", lr=1e-4, rules=[pg.rule(":lora_B", lr_scale=16)])
    plan = pg.plan(model, recipe, steps=5)
    assert not look(model, AdamW(plan.param_groups()))
