"""A flag that a plan has put down is no wish of the user's."""

import copy
import gc

import torch
from torch import nn

from paramgroups.indexing import index
from paramgroups.indexing.flags import _PUT_DOWN, freeze, is_left, is_trained, thaw


def test_to_freeze_stops_gradients_and_clears_those_left_over() -> None:
    weight = nn.Parameter(torch.ones(2))
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
    weight = nn.Parameter(torch.ones(2)).requires_grad_(False)
    freeze([weight])
    assert not is_left(weight)
    assert not is_trained(weight)


def test_what_was_thawed_is_the_users_to_freeze() -> None:
    by_plan, by_user = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    freeze([by_plan, by_user])
    thaw([by_plan])
    by_user.requires_grad_(True)
    assert is_trained(by_user)  # an index has seen it
    for weight in (by_plan, by_user):
        weight.requires_grad_(False)
        assert not is_trained(weight)


def test_a_copy_has_the_flag_alone() -> None:
    weight = nn.Parameter(torch.ones(2))
    freeze([weight])
    assert not is_trained(copy.deepcopy(weight))


def test_what_is_gone_is_forgotten() -> None:
    weight = nn.Parameter(torch.ones(2))
    freeze([weight])
    place = id(weight)
    assert place in _PUT_DOWN
    del weight
    gc.collect()
    assert place not in _PUT_DOWN
