"""A flag that a plan has changed is no wish of the user's."""

import copy
import gc

import pytest
import torch
from torch import nn

from paramgroups.indexing import index
from paramgroups.indexing.flags import _CHANGED, freeze, is_left, is_trained, restore, stand_in, thaw


def parameter(*, flag: bool = True) -> nn.Parameter:
    return nn.Parameter(torch.ones(2), requires_grad=flag)


def test_to_freeze_stops_gradients_and_clears_those_left_over() -> None:
    weight = parameter()
    weight.grad = torch.ones(2)
    freeze([weight])
    assert not weight.requires_grad
    assert weight.grad is None
    thaw([weight])
    assert weight.requires_grad


def test_what_a_plan_has_frozen_the_model_trains() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    freeze([model.get_parameter("0.weight")])
    model.get_parameter("1.weight").requires_grad_(False)
    trainable = {row.name: row.trainable for row in index(model)}
    assert trainable == {"0.weight": True, "0.bias": True, "1.weight": False, "1.bias": True}


def test_what_the_user_froze_before_stays_the_users() -> None:
    weight = parameter(flag=False)
    freeze([weight])
    assert not is_left(weight)
    assert not is_trained(weight)


def test_what_the_user_froze_and_a_plan_thaws_for_a_while_is_the_users_again() -> None:
    weight = parameter(flag=False)
    thaw([weight])
    assert is_trained(weight)
    freeze([weight])
    assert not is_trained(weight)


def test_what_was_thawed_is_the_users_to_freeze() -> None:
    weight = parameter()
    freeze([weight])
    thaw([weight])
    assert not is_trained(weight.requires_grad_(False))


def test_what_the_user_thaws_is_the_users_from_then_on() -> None:
    weight = parameter()
    freeze([weight])
    weight.requires_grad_(True)
    freeze([weight])
    assert is_left(weight)
    restore([weight])
    assert weight.requires_grad


@pytest.mark.parametrize("wish", [True, False], ids=["trained", "frozen"])
@pytest.mark.parametrize("turns", ["f", "t", "ftf", "tft"])
def test_restored_is_what_the_user_wished(*, wish: bool, turns: str) -> None:
    weight = parameter(flag=wish)
    for turn in turns:
        {"f": freeze, "t": thaw}[turn]([weight])
    restore([weight])
    assert weight.requires_grad == wish
    assert id(weight) not in _CHANGED


def test_a_copy_has_the_flag_alone() -> None:
    weight = parameter()
    freeze([weight])
    assert not is_trained(copy.deepcopy(weight))


def test_what_is_gone_is_forgotten() -> None:
    weight = parameter()
    freeze([weight])
    place = id(weight)
    assert place in _CHANGED
    del weight
    gc.collect()
    assert place not in _CHANGED


def test_what_stands_in_for_what_a_plan_has_frozen_is_left_by_it_too() -> None:
    shard, live = parameter(flag=False), parameter()
    stand_in([shard, live])
    assert is_left(shard)
    assert not is_left(live)
    restore([shard])
    assert shard.requires_grad
