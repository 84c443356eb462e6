"""Values out of their domain, shared, zero, and far apart."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD, Adafactor, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LinearLR, OneCycleLR

import paramgroups as pg
from paramgroups.auditing.looks.values import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of
from tests.support import import_transformers


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


def having(settings: dict[str, Any], cls: Any = Adam) -> list[Finding]:
    model = small()
    optimizer = cls([{"params": model[0].parameters()}, {"params": model[1:].parameters()}], lr=1e-3)
    optimizer.param_groups[0].update(settings)
    return look(model, optimizer)


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": "1e-4"}, {"lr": -1e-3}, {"lr": float("nan")}, {"lr": float("inf")}, {"lr": None},
        {"weight_decay": "0.1"}, {"weight_decay": -0.1}, {"betas": (0.9, 1.0)}, {"betas": (-0.1, 0.9)},
        {"betas": "0.9"}, {"betas": 0.9}, {"betas": (0.9,)}, {"lr": [1e-3]},
        {"eps": -1e-8}, {"lr": torch.tensor(-1.0)}, {"lr": 10**400},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_of_the_wrong_type_or_out_of_its_domain_is_an_error(settings: dict[str, Any]) -> None:
    findings = [one for one in having(settings) if one.code == "PG112"]
    assert [one.names for one in findings] == [("0.weight", "0.bias")]
    assert findings[0].message.startswith(f"Group 0: {next(iter(settings))} is ")


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.002}, {"lr": 0}, {"weight_decay": 0.0}, {"weight_decay": 0}, {"betas": [0.0, 0.99]},
        {"lr": torch.tensor(1e-3)}, {"betas": (torch.tensor(0.9), torch.tensor(0.99))}, {"eps": 0.0},
    ],
    ids=str,
)  # fmt: skip
def test_values_that_torch_takes_are_sound(settings: dict[str, Any]) -> None:
    assert "PG112" not in codes(having(settings))


def test_what_is_several_numbers_is_told_as_such() -> None:
    (finding,) = having({"betas": (0.9, 1.0)})
    assert finding.message == "Group 0: betas is (0.9, 1.0), and it is 2 numbers, each from 0 to below 1."
    assert finding.fix == 'Write as many: {"params": …, "betas": (0.9, 0.999)}.'
    assert "YAML" in having({"lr": "1e-4"})[0].fix
    assert "YAML" not in having({"lr": -1e-4})[0].fix


def test_equal_slips_are_told_once_with_their_groups() -> None:
    model = small()
    optimizer = SGD([{"params": [p]} for p in model.parameters()], lr=0.1)
    for group in optimizer.param_groups:
        group["momentum"] = 1.5
    findings = look(model, optimizer)
    assert codes(findings) == ["PG112"]
    assert findings[0].message == (
        "Group 0, group 1, group 2 and 3 more: momentum is 1.5, and it is a number from 0 to 1."
    )


def test_settings_whose_default_is_none_may_be_none() -> None:
    transformers = import_transformers()
    model = small()
    assert not look(model, transformers.Adafactor(model.parameters()))
    assert not look(model, Adafactor(model.parameters()))
    assert not look(model, LBFGS(model.parameters()))


class Odd(Optimizer):
    """Has a setting of torch's name and of its own meaning."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr, "alpha": "auto", "eps": -30})


def test_in_classes_of_others_only_what_means_the_same_is_judged() -> None:
    assert not having({}, Odd)
    assert codes(having({"lr": "fast"}, Odd)) == ["PG112"]


def test_one_tensor_as_the_rate_of_two_groups_is_an_error() -> None:
    model = small()
    groups = [{"params": model[0].parameters()}, {"params": model[1:].parameters()}]
    optimizer = Adam(groups, lr=torch.tensor(1e-3))
    assert codes(look(model, optimizer)) == ["PG113"]
    for group in optimizer.param_groups:
        group["lr"] = group["lr"].clone()
    assert not look(model, optimizer)
    assert not look(model, Adam(model.parameters(), lr=torch.tensor(1e-3)))


def zeroed(rate: float = 0.0, other: float = 0.1) -> tuple[nn.Sequential, SGD]:
    model = small()
    groups: Any = [{"params": model[0].parameters(), "lr": rate}, {"params": model[1:].parameters()}]
    return model, SGD(groups, lr=other, momentum=0.9)


def test_trainable_parameters_at_a_rate_of_zero_are_told() -> None:
    findings = look(*zeroed())
    assert codes(findings) == ["PG114"]
    assert findings[0].names == ("0.weight", "0.bias")


def test_what_is_frozen_as_well_may_have_a_rate_of_zero() -> None:
    model, optimizer = zeroed()
    model[0].requires_grad_(requires_grad=False)
    assert not look(model, optimizer)


def test_a_warmup_from_zero_is_sound() -> None:
    model, optimizer = zeroed(0.05)
    scheduler = LambdaLR(optimizer, lambda step: step / 10)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.0]
    assert not look(model, optimizer, scheduler)


class Writing:
    """A scheduler of one's own, which writes the rates whatever they were."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    def step(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = 0.1


def test_a_scheduler_that_writes_all_rates_may_begin_at_zero() -> None:
    model, optimizer = zeroed(0.0, 0.0)
    assert len(look(model, optimizer)[0].names) == 6
    assert not look(model, optimizer, Writing(optimizer))


def test_a_cycle_that_begins_at_zero_is_sound() -> None:
    model, optimizer = zeroed(0.05)
    scheduler = OneCycleLR(optimizer, max_lr=[0.05, 0.1], total_steps=20, div_factor=1e12)
    assert not [one for one in look(model, optimizer, scheduler) if one.code == "PG114"]


def test_a_plan_may_set_a_rate_of_zero() -> None:
    model = small()
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("0", lr=0.0, until="50%")])
    assert not look(model, *pg.build(pg.plan(model, recipe, steps=10)))


def rated(*rates: float) -> list[Finding]:
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in rates))
    pairs = zip(model.children(), rates, strict=True)
    return look(model, AdamW([{"params": layer.parameters(), "lr": rate} for layer, rate in pairs]))


@pytest.mark.parametrize("rates", [(1e-5, 1e-2), (1e-6, 1e-3, 1e-3)], ids=str)
def test_rates_more_than_a_hundred_times_apart_are_told(rates: tuple[float, ...]) -> None:
    findings = rated(*rates)
    assert codes(findings) == ["PG115"]
    assert (
        findings[0].message
        == f"Group 1 has the rate {rates[1]:g} and group 0 {rates[0]:g}: 1,000 times apart."
    )


@pytest.mark.parametrize("rates", [(1e-5, 1e-3), (3e-4,), (0.0, 1e-3, 1e-4)], ids=str)
def test_rates_a_hundred_times_apart_are_not(rates: tuple[float, ...]) -> None:
    assert "PG115" not in codes(rated(*rates))


def test_a_layer_decay_is_meant_however_far_it_goes() -> None:
    assert not rated(*(1e-3 * 0.65**level for level in range(14)))


def test_rates_of_two_optimizers_are_not_compared() -> None:
    model = small()
    fast = SGD(model[0].parameters(), lr=1.0)
    assert not look(model, [fast, Adam(model[1:].parameters(), lr=1e-4)])


def test_bases_are_compared_and_not_the_rates_of_a_moment() -> None:
    model, optimizer = zeroed(0.05)
    scheduler = LinearLR(optimizer, start_factor=1e-9, total_iters=5)
    assert not look(model, optimizer, scheduler)
