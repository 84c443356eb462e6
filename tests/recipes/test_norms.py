from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import NoMatchError, RuleError
from paramgroups.recipes import frozen_norms, norm_rate
from tests.recipes.models import Net


def planned(model: nn.Module, *rules: Any) -> pg.Plan:
    return pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=rules), steps=10)


def test_frozen_norms() -> None:
    made = planned(Net(), frozen_norms())
    assert {row.name for row in made.frozen} == {
        f"blocks.{block}.norm.{part}" for block in range(3) for part in ("weight", "bias")
    }


def test_a_rate_of_their_own() -> None:
    made = planned(Net(), norm_rate(0.1))
    assert {row.name for row in made.rows if row.lr == pytest.approx(0.01)} == {
        row.name for row in made.rows if row.role == "norm" or "norm" in row.name
    }


@pytest.mark.parametrize(("rule", "batches"), [(frozen_norms(), 0), (norm_rate(0.0), 3)], ids=str)
def test_frozen_norms_hold_their_statistics_and_a_rate_of_zero_does_not(rule: pg.Rule, batches: int) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    optimizer, scheduler = pg.build(planned(model, rule))
    before = {name: value.clone() for name, value in model[1].state_dict().items()}
    for _ in range(3):
        model.train()
        model(torch.randn(8, 3, generator=torch.Generator().manual_seed(0))).sum().backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    after = model[1].state_dict()
    assert all(torch.equal(after[name], before[name]) for name in ("weight", "bias"))
    assert after["num_batches_tracked"] == batches
    assert torch.equal(after["running_mean"], before["running_mean"]) == (not batches)


def test_a_model_without_norms_is_refused() -> None:
    for rule in (frozen_norms(), norm_rate(0.1)):
        with pytest.raises(NoMatchError, match='":norm" matches none of 2 parameters'):
            planned(nn.Linear(2, 2), rule)


@pytest.mark.parametrize("scale", ["0.1", -1, None, float("nan")], ids=str)
def test_what_is_no_rate(scale: Any) -> None:
    with pytest.raises(RuleError, match="lr_scale="):
        norm_rate(scale)
