"""What an optimizer refuses when it is made, and when a group is added."""

import math
from typing import Any

import pytest
import torch

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.checking import check_settings, check_together, check_values
from paramgroups.optim.hyperparameters import SWITCHES

KNOWN = ("lr", "weight_decay", "clip_norm")


def test_settings_that_are_read() -> None:
    check_settings("sgd", ["lr", "clip_norm"], KNOWN)
    check_settings("sgd", [], [])


def test_switches_of_torch_are_let_through() -> None:
    """They say how torch computes: whoever replaces its optimizer by ours need not take them out."""
    check_settings("sgd", SWITCHES, iter(KNOWN))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("weigth_decay", 'sgd reads no "weigth_decay". Nearest: "weight_decay".'),
        ("beta1", 'sgd reads no "beta1". Known: clip_norm, lr, weight_decay.'),
    ],
)
def test_a_setting_that_nobody_reads(setting: str, message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        check_settings("sgd", ["lr", setting], (name for name in KNOWN))
    assert str(caught.value) == message


def test_a_long_name_is_compared_in_part() -> None:
    with pytest.raises(OptimizerError, match="Known: clip_norm"):
        check_settings("sgd", ["x" * 100_000], KNOWN)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_defaults_are_within_their_domains(name: str) -> None:
    check_values(ALGORITHMS[name].defaults, ALGORITHMS[name].defaults, "a group")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": -1}, "lr=-1 in a group that is added: it must be a number, at least 0."),
        ({"lr": None}, "lr=None in a group that is added"),
        ({"lr": torch.ones(2)}, "lr=tensor([1., 1.]) in a group that is added"),
        (
            {"betas": (0.9, 1.5)},
            "betas=(0.9, 1.5) in a group that is added: it must be numbers, beta2 from 0 to below 1.",
        ),
        ({"betas": (0.9,)}, "betas=(0.9,) in a group that is added"),
        ({"eps": math.nan}, "eps=nan in a group that is added"),
        ({"weight_decay": "0"}, "weight_decay='0' in a group that is added"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_values_that_no_rule_can_be_applied_with(values: dict[str, Any], message: str) -> None:
    defaults = ALGORITHMS["adam"].defaults
    with pytest.raises(OptimizerError) as caught:
        check_values({**defaults, **values}, defaults, "a group that is added")
    assert message in str(caught.value)


def test_a_value_that_is_missing() -> None:
    with pytest.raises(OptimizerError, match=r"lr=None in a group"):
        check_values({}, {"lr": 0.1}, "a group")


def test_what_is_no_number_in_the_defaults_is_not_looked_at() -> None:
    check_values({"amsgrad": "yes", "mode": None}, {"amsgrad": False, "mode": "slow"}, "a group")


def test_values_that_do_not_go_together() -> None:
    family = ALGORITHMS["sgd"]
    check_together("sgd", family.check({**family.defaults, "nesterov": True, "momentum": 0.9}))
    with pytest.raises(OptimizerError, match=r"^sgd: nesterov=True needs momentum above 0 and dampening 0"):
        check_together("sgd", family.check({**family.defaults, "nesterov": True}))
