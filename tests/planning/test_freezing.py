"""Flags for the whole run, given before a model is wrapped."""

import pytest
from torch import nn

import paramgroups as pg
from paramgroups.errors import PlanError


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))


def plan_of(model: nn.Module, *rules: pg.Rule) -> pg.Plan:
    return pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=rules), steps=10)


def flags(model: nn.Module) -> list[bool]:
    return [tensor.requires_grad for tensor in model.parameters()]


def test_what_is_never_trained_is_frozen_and_named() -> None:
    model = network()
    plan = plan_of(model, pg.rule("0", trainable=False), pg.rule("1", trainable=False, until=5))
    assert plan.freeze() == ("0.weight", "0.bias")
    assert flags(model) == [False, False, True, True, True, True]


def test_nothing_frozen_is_no_name() -> None:
    model = network()
    assert plan_of(model).freeze() == ()
    assert all(flags(model))


def test_what_rules_thaw_flows_and_what_the_user_froze_does_not() -> None:
    model = network()
    model[0].requires_grad_(False)
    model[1].requires_grad_(False)
    plan = plan_of(model, pg.rule("1.weight", trainable=True, start=3))
    assert plan.freeze() == ("0.weight", "0.bias", "1.bias")
    assert flags(model) == [False, False, True, False, True, True]


def test_a_frozen_tensor_of_which_rows_are_trained_flows() -> None:
    model = network()
    plan = plan_of(model, pg.rule("0", trainable=False), pg.rule("0.weight[:2]", trainable=True))
    assert plan.freeze() == ("0.bias",)
    assert flags(model)[:2] == [True, False]


def test_it_is_done_in_the_model_that_is_given() -> None:
    model, other = network(), network()
    plan = plan_of(model, pg.rule("0", trainable=False))
    part = nn.ModuleDict({"0": other[0], "2": other[2]})
    assert plan.freeze(part) == ("0.weight", "0.bias")
    assert flags(part) == [False, False, True, True]
    assert all(flags(model))


def test_a_plan_without_a_model_says_so() -> None:
    model = network()
    plan = plan_of(model, pg.rule("0", trainable=False))
    del model
    with pytest.raises(PlanError, match="no live model"):
        plan.freeze()
    with pytest.raises(PlanError, match="not the planned one"):
        plan.freeze(nn.Conv2d(1, 1, 1))


def test_a_second_plan_thaws_what_the_first_has_frozen_and_the_user_has_not() -> None:
    model = network()
    model[2].bias.requires_grad_(False)
    plan_of(model, pg.rule("0", trainable=False), pg.rule("1", trainable=False, until=5)).freeze()
    again = plan_of(model, pg.rule("1", trainable=False))
    assert [row.name for row in again.frozen] == ["1.weight", "1.bias", "2.bias"]
    assert again.freeze() == ("1.weight", "1.bias", "2.bias")
    assert flags(model) == [True, True, False, False, True, False]
