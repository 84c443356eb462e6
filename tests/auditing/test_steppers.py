"""Who steps a group."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

import paramgroups as pg
from paramgroups.auditing.steppers import (
    is_decoupled,
    is_one_pass,
    is_torch,
    keeps_masters,
    listed,
    peak,
    rule_of,
)
from paramgroups.auditing.subject import Group
from tests.auditing.setups import small, subject_of


def first(model: nn.Module, optimizer: Any) -> Group:
    return subject_of(model, optimizer).groups[0]


def test_torchs_classes_have_their_names() -> None:
    model = small()
    group = first(model, torch.optim.RMSprop(model.parameters()))
    assert rule_of(group) == "rmsprop"
    assert is_torch(group.optimizer)
    assert not is_one_pass(group.optimizer)


def test_ours_has_the_name_of_its_rule_group_by_group() -> None:
    model = small()
    groups = [{"params": model[0].parameters()}, {"params": model[3].parameters(), "optimizer": "sgd"}]
    optimizer = pg.Optimizer(groups, "lion", lr=1e-4)
    assert [rule_of(group) for group in subject_of(model, optimizer).groups] == ["lion", "sgd"]
    assert is_one_pass(optimizer)
    assert not is_torch(optimizer)


def test_a_class_that_steps_for_us_has_its_own_name() -> None:
    class Mine(torch.optim.SGD):
        """A user's."""

    model = small()
    assert rule_of(first(model, pg.Optimizer(model.parameters(), Mine, lr=0.1))) == "mine"
    assert rule_of(first(model, Mine(model.parameters(), lr=0.1))) == "mine"
    assert not is_torch(Mine(model.parameters(), lr=0.1))


def test_only_ours_keeps_masters_and_only_when_asked() -> None:
    model = small()
    assert keeps_masters(pg.Optimizer(model.parameters(), lr=0.1, master_weights=True))
    assert not keeps_masters(pg.Optimizer(model.parameters(), lr=0.1))
    assert not keeps_masters(torch.optim.SGD(model.parameters(), lr=0.1))


@pytest.mark.parametrize(
    ("cls", "settings", "expected"),
    [
        (torch.optim.AdamW, {}, "decoupled"), (torch.optim.Adam, {}, "not"), (torch.optim.SGD, {}, "not"),
        (torch.optim.NAdam, {"decoupled_weight_decay": True}, "decoupled"), (torch.optim.NAdam, {}, "not"),
    ],
)  # fmt: skip
def test_decay_is_decoupled_or_part_of_the_gradient(
    cls: Any, settings: dict[str, Any], expected: str
) -> None:
    model = small()
    group = first(model, cls(model.parameters(), lr=0.1, **settings))
    assert is_decoupled(group) is (expected == "decoupled")


def test_the_peak_is_the_base_or_the_top_of_a_cycle() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert peak(first(model, optimizer)) == 0.1
    OneCycleLR(optimizer, max_lr=2.0, total_steps=10)
    assert peak(first(model, optimizer)) == 2.0
    optimizer.param_groups[0].update(lr="fast", initial_lr=None, max_lr=None)
    assert peak(first(model, optimizer)) is None


def test_members_of_groups_are_listed_once() -> None:
    model = small()
    group = first(model, torch.optim.SGD(model[3].parameters(), lr=0.1))
    assert listed([group, group]) == ["3.weight", "3.bias"]
