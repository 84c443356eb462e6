"""Rates against the weights that they move."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

import paramgroups as pg
from paramgroups.auditing.looks.sizes import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


def filled(*sizes: float, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Linear layers, each with weights of one size."""
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in sizes))
    for layer, size in zip(model.children(), sizes, strict=True):
        nn.init.constant_(layer.get_parameter("weight"), size)
    return model.to(dtype)


def test_a_rate_above_the_size_of_the_weights_is_told_with_both() -> None:
    model = filled(0.25, 0.25)
    findings = look(model, Adam(model.parameters(), lr=0.5))
    assert codes(findings) == ["PG116"]
    assert findings[0].names == ("0.weight", "1.weight")
    assert "adam at the rate 0.5 moves each number by about that at a step" in findings[0].message
    assert "are about 0.25 in size" in findings[0].message


def test_a_rate_below_it_is_sound() -> None:
    model = filled(0.25, 0.25)
    assert not look(model, Adam(model.parameters(), lr=0.2))


def test_rules_whose_step_is_as_large_as_the_gradient_are_not_judged() -> None:
    model = filled(0.1)
    assert not look(model, SGD(model.parameters(), lr=5.0))


@pytest.mark.parametrize("size", [0.0, 1e-5], ids=str)
def test_what_begins_near_zero_is_made_to_grow(size: float) -> None:
    model = filled(size)
    assert not look(model, Adam(model.parameters(), lr=1e-3))


def test_one_small_matrix_among_others_is_no_fault() -> None:
    model = filled(0.5, 0.5, 0.005)
    assert not look(model, Adam(model.parameters(), lr=0.01))


def test_one_group_may_be_at_fault() -> None:
    model = filled(0.1, 0.1, 0.1)
    groups: Any = [{"params": model[:2].parameters()}, {"params": model[2].parameters(), "lr": 1.0}]
    assert [one.names for one in look(model, AdamW(groups, lr=1e-3))] == [("2.weight",)]


def test_the_top_of_a_cycle_is_what_counts() -> None:
    model = filled(0.25)
    optimizer = Adam(model.parameters(), lr=1e-3)
    assert not look(model, optimizer)
    scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=100)
    assert codes(look(model, optimizer, scheduler)) == ["PG116"]


def test_a_rate_of_one_times_a_formula_is_sound() -> None:
    model = filled(0.25)
    optimizer = Adam(model.parameters(), lr=1.0)
    assert codes(look(model, optimizer)) == ["PG116"]
    scheduler = LambdaLR(optimizer, lambda step: 0.04 * min((step + 1) ** -0.5, (step + 1) * 40**-1.5))
    assert not look(model, optimizer, scheduler)


def test_ours_is_judged_by_its_rule() -> None:
    model = filled(0.25)
    assert codes(look(model, pg.Optimizer(model.parameters(), "lion", lr=0.5))) == ["PG116"]
    assert not look(model, pg.Optimizer(model.parameters(), "lamb", lr=0.5))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_at_a_rate_that_rounds_away_is_told(dtype: torch.dtype) -> None:
    rate = torch.finfo(dtype).eps / 2  # half the distance from 1 to the next number
    model = filled(1.0, 1.5, dtype=dtype)
    findings = look(model, AdamW(model.parameters(), lr=0.9 * rate))
    assert codes(findings) == ["PG117"]
    assert findings[0].names == ("0.weight", "1.weight")
    assert "is rounded away in 100% of the numbers" in findings[0].message
    assert not look(model, AdamW(model.parameters(), lr=1.1 * rate))


def test_what_is_told_is_what_torch_does() -> None:
    model = filled(1.0, dtype=torch.bfloat16)
    for rate, moved in ((0.9 * 2**-9, False), (1.1 * 2**-9, True)):
        weight = model[0].get_parameter("weight").detach().clone()
        assert bool((weight - rate != weight).any()) is moved


def test_masters_in_float32_keep_what_rounding_loses() -> None:
    model = filled(1.0, dtype=torch.bfloat16)
    assert not look(model, pg.Optimizer(model.parameters(), "adamw", lr=1e-6, master_weights=True))
    assert codes(look(model, pg.Optimizer(model.parameters(), "adamw", lr=1e-6))) == ["PG117"]


class Rounding(AdamW):
    """May round as it likes, such as at random."""


def test_classes_of_others_may_round_at_random() -> None:
    model = filled(1.0, dtype=torch.bfloat16)
    assert not look(model, Rounding(model.parameters(), lr=1e-6))


def test_float32_and_weights_of_zero_are_not_lost() -> None:
    model = filled(1.0)
    assert not look(model, AdamW(model.parameters(), lr=1e-6))
    model = filled(0.0, dtype=torch.bfloat16)
    assert not look(model, AdamW(model.parameters(), lr=1e-6))


def test_the_rate_after_a_warmup_is_what_counts() -> None:
    model = filled(0.001, dtype=torch.bfloat16)
    optimizer = AdamW(model.parameters(), lr=1e-3)
    scheduler = LambdaLR(optimizer, lambda step: min(1.0, step / 10**6))
    assert not look(model, optimizer, scheduler)


@pytest.mark.parametrize("rate", [None, "fast", -1.0, float("nan")], ids=str)
def test_odd_rates_are_left_to_others(rate: Any) -> None:
    model = small()
    optimizer = Adam(model.parameters(), lr=1e-3)
    optimizer.param_groups[0]["lr"] = rate
    assert not look(model, optimizer)


def test_a_model_without_values_is_passed_over() -> None:
    with torch.device("meta"):
        model = small()
    assert not look(model, Adam(model.parameters(), lr=10.0))
