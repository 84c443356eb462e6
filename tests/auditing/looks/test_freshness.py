"""What is pretrained and what is fresh."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import AdamW

import paramgroups as pg
from paramgroups.auditing.looks.freshness import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


def trained(*, head: bool = False) -> Any:
    """A model whose body has been trained, and whose head has or has not."""
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 8))
    with torch.no_grad():
        model[1].weight.add_(torch.linspace(-0.1, 0.1, 16))
        model[1].bias.add_(torch.linspace(-0.1, 0.1, 16))
        if head:
            model[3].weight.mul_(3.0)
    return model


def by_parts(model: nn.Sequential, body: float, head: float) -> AdamW:
    groups = [{"params": model[:2].parameters(), "lr": body}, {"params": model[3].parameters(), "lr": head}]
    return AdamW(groups)


def test_a_fresh_head_at_the_rate_of_a_trained_body_is_told() -> None:
    model = trained()
    findings = look(model, AdamW(model.parameters(), lr=1e-4))
    assert codes(findings) == ["PG131"]
    assert findings[0].names == ("3.weight",)
    assert "it learns at 0.0001, and the weights below it at up to 0.0001" in findings[0].message


def test_a_head_with_biases_of_zero_is_fresh_however_it_was_filled() -> None:
    model = trained(head=True)
    assert not look(model, AdamW(model.parameters()))
    nn.init.zeros_(model[3].bias)
    assert codes(look(model, AdamW(model.parameters()))) == ["PG131"]


@pytest.mark.parametrize(
    ("body", "head", "told"), [(1e-4, 1e-3, 0), (1e-4, 1e-4, 1), (1e-3, 1e-4, 1)], ids=str
)
def test_only_a_higher_rate_of_the_head_is_sound(body: float, head: float, told: int) -> None:
    model = trained()
    assert len(look(model, by_parts(model, body, head))) == told


def test_a_model_that_is_fresh_altogether_is_sound() -> None:
    model = small()
    assert not look(model, AdamW(model.parameters()))


def test_norms_that_are_made_at_random_are_not_trained() -> None:
    model: Any = small()
    nn.init.normal_(model[1].weight, 1.0, 0.02)  # as DCGAN has it
    assert not look(model, AdamW(model.parameters()))


def test_a_frozen_body_has_no_rate() -> None:
    model = trained()
    model[:2].requires_grad_(requires_grad=False)
    assert not look(model, AdamW(model[3].parameters()))


def test_once_it_trains_the_head_is_no_longer_fresh() -> None:
    model = trained()
    optimizer = AdamW(model.parameters(), lr=1e-4)
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    assert not look(model, optimizer)


def test_running_statistics_tell_a_trained_body_and_those_of_a_first_look_do_not() -> None:
    model: Any = nn.Sequential(
        nn.Linear(4, 16), nn.BatchNorm1d(16, affine=False), nn.ReLU(), nn.Linear(16, 8)
    )
    model(torch.ones(2, 4))
    assert not look(model, AdamW(model.parameters()))
    model[1].num_batches_tracked.fill_(5000)
    assert codes(look(model, AdamW(model.parameters()))) == ["PG131"]


def test_a_layer_decay_gives_the_head_the_highest_rate() -> None:
    model = trained()
    groups = [
        {"params": model[0].parameters(), "lr": 0.75e-3},
        {"params": [*model[1].parameters(), *model[3].parameters()], "lr": 1e-3},
    ]
    assert not look(model, AdamW(groups))


def test_a_plan_is_left_to_its_own_checks() -> None:
    model = trained()
    assert not look(model, *pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=1e-4), steps=5)))
