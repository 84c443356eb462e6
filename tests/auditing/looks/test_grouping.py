"""Groups that are many without need."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR

import paramgroups as pg
from paramgroups.auditing.looks.grouping import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


def deep(layers: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(2, 2) for _ in range(layers)))


def single(model: nn.Module, **settings: Any) -> list[dict[str, Any]]:
    return [{"params": [p], **settings} for p in model.parameters()]


def falling(power: int) -> Callable[[int], float]:
    return lambda epoch: 0.9 ** (power * epoch)


def test_a_group_for_each_of_eight_tensors_of_one_setting_is_told() -> None:
    model = deep(4)
    findings = look(model, Adam(single(model), lr=1e-3))
    assert codes(findings) == ["PG130"]
    assert findings[0].message == "Adam has 8 groups with 1 different settings: 1 would do."
    assert len(findings[0].names) == 8


def test_fewer_than_eight_groups_cost_nothing() -> None:
    model = deep(3)
    assert not look(model, Adam(single(model), lr=1e-3))


def test_each_kind_of_setting_needs_a_group() -> None:
    model = deep(8)
    groups = single(model)
    for number, group in enumerate(groups):
        group["lr"] = 1e-3 * 0.8 ** (number // 2)
    assert codes(look(model, AdamW(groups))) == ["PG130"]  # 8 of 16
    for number, group in enumerate(groups):
        group["weight_decay"] = 0.1 * (number % 2)
    assert not look(model, AdamW(groups))


def test_names_and_labels_are_no_settings() -> None:
    model = deep(4)
    groups = [
        {**group, "name": f"g{number}", "tag": f"t{number}"} for number, group in enumerate(single(model))
    ]
    assert codes(look(model, Adam(groups, lr=1e-3))) == ["PG130"]


def test_numbers_that_a_scheduler_may_read_are_settings() -> None:
    model = deep(4)
    groups = [{**group, "lr_scale": 0.5**number} for number, group in enumerate(single(model))]
    assert not look(model, Adam(groups, lr=1e-3))


def test_lambdas_and_tops_of_their_own_need_groups() -> None:
    model = deep(4)
    optimizer = SGD(single(model), lr=0.1)
    shared = LambdaLR(optimizer, lambda epoch: 0.9**epoch)
    assert codes(look(model, optimizer, shared)) == ["PG130"]
    assert not look(model, optimizer, LambdaLR(optimizer, [falling(power) for power in range(8)]))
    optimizer = SGD(single(model), lr=0.1)
    tops = OneCycleLR(optimizer, max_lr=[0.1 * (1 + number) for number in range(8)], total_steps=9)
    assert not look(model, optimizer, tops)


def test_the_rate_of_the_moment_is_not_what_is_compared() -> None:
    model = deep(4)
    optimizer = SGD(single(model), lr=0.1)
    scheduler = CosineAnnealingLR(optimizer, T_max=10)
    optimizer.param_groups[0]["lr"] = 0.05
    assert codes(look(model, optimizer, scheduler)) == ["PG130"]


def test_ours_steps_any_number_in_one_pass() -> None:
    model = deep(4)
    assert not look(model, pg.Optimizer(single(model), lr=1e-3))


def test_settings_that_cannot_be_hashed_are_compared_as_they_are_written() -> None:
    model = deep(4)
    groups = single(model, betas=[0.9, 0.99])
    assert codes(look(model, Adam(groups, lr=1e-3))) == ["PG130"]


def test_tensors_of_one_rate_are_one_setting() -> None:
    model = deep(4)
    groups = [{**group, "lr": torch.tensor(0.5)} for group in single(model)]
    assert codes(look(model, Adam(groups))) == ["PG130"]


def test_each_optimizer_is_looked_at_alone() -> None:
    model = small()
    assert not look(model, [SGD([p], lr=0.1) for p in model.parameters()])
