"""A held module stays in evaluation, whoever calls `train()`."""

import copy
import io

import torch
from torch import nn

from paramgroups.run.holding import hold, is_held, release


def norm_and_input() -> tuple[nn.BatchNorm1d, torch.Tensor]:
    return nn.BatchNorm1d(3), torch.arange(12.0).reshape(4, 3)


def test_a_held_norm_keeps_its_statistics_whoever_calls_train() -> None:
    norm, x = norm_and_input()
    parent = nn.Sequential(norm)
    hold(norm)
    parent.train()(x)
    assert not norm.state_dict()["running_mean"].any()
    assert norm.num_batches_tracked == 0
    release(norm, training=True)
    parent(x)
    assert norm.num_batches_tracked == 1
    assert parent.eval().training is norm.training is False


def test_the_hold_can_be_taken_off_by_hand() -> None:
    norm, _ = norm_and_input()
    hold(norm)
    del norm.train
    assert norm.train().training
    assert not is_held(norm)


def test_a_held_norm_is_copied_and_the_copy_is_held_by_itself() -> None:
    norm, _ = norm_and_input()
    hold(norm)
    other = copy.deepcopy(norm)
    release(norm, training=True)
    assert norm.training
    assert not other.train().training


def test_a_held_norm_is_saved_and_read_back_as_a_plain_one() -> None:
    norm, x = norm_and_input()
    parent = nn.Sequential(norm)
    hold(norm)
    file = io.BytesIO()
    torch.save(parent, file)
    file.seek(0)
    back = torch.load(file, weights_only=False)
    assert not back[0].training
    assert torch.equal(back(x), parent(x))
    assert back.train()[0].training


def test_the_state_dict_of_a_held_norm_is_as_ever() -> None:
    norm, _ = norm_and_input()
    names = list(norm.state_dict())
    hold(norm)
    assert list(norm.state_dict()) == names


def test_what_is_within_a_held_module_follows_its_parents_unless_it_is_held() -> None:
    inner, other = nn.Dropout(), nn.Sequential(nn.Dropout())
    outer = nn.Sequential(inner, other)
    model = nn.Sequential(outer)
    hold(outer)
    hold(other)
    model.train()
    assert (outer.training, inner.training, other.training, other[0].training) == (False, True, False, True)
    model.eval()
    assert not any(module.training for module in model.modules())
    release(outer, training=True)
    assert (outer.training, inner.training, other.training) == (True, False, False)


def test_a_model_with_held_modules_within_held_modules_is_copied_and_read_back() -> None:
    model = nn.Sequential(nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))
    for module in list(model.modules())[1:]:
        hold(module)
    twin = copy.deepcopy(model).train()
    assert [module.training for module in twin.modules()] == [True, False, False, False]
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    back = torch.load(file, weights_only=False)
    assert all(module.training for module in back.train().modules())
