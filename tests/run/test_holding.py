"""A held module stays in evaluation, whoever calls `train()`."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.optim.swa_utils import AveragedModel, update_bn

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


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],  # noqa: S301  # ours
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_of_a_held_norm_is_a_plain_one(copied: Callable[[nn.Module], nn.Module]) -> None:
    norm, _ = norm_and_input()
    hold(norm)
    other = copied(norm)
    assert not other.training
    assert other.train() is other
    assert other.training
    assert not {"train", "__getstate__"} & other.__dict__.keys()
    assert is_held(norm)
    assert not norm.train().training


def test_an_average_of_a_held_model_measures_its_statistics_anew() -> None:
    norm, x = norm_and_input()
    hold(norm)
    averaged = AveragedModel(nn.Sequential(norm))
    update_bn([x], averaged)
    assert torch.equal(averaged.state_dict()["module.0.running_mean"], x.mean(0))


class TestOwnTrain:
    """A module to which the user has given a `train` that keeps it in evaluation."""

    def own(self) -> nn.Module:
        norm = nn.BatchNorm1d(3).eval()
        norm.train = lambda mode=True: norm  # type: ignore[method-assign]  # as users do  # noqa: ARG005
        return norm

    def test_it_is_given_back(self) -> None:
        norm = self.own()
        theirs = norm.train
        hold(norm)
        hold(norm)
        assert is_held(norm)
        release(norm, training=True)
        assert norm.train is theirs
        assert not nn.Sequential(norm).train()[0].training

    def test_a_copy_has_it_too(self) -> None:
        norm = self.own()
        theirs = norm.train
        hold(norm)
        assert copy.deepcopy(norm).train is theirs


class Sized(nn.Module):
    """A module that says itself what is copied of it."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 3

    def __getstate__(self) -> Any:
        return self.size

    def __setstate__(self, state: Any) -> None:
        nn.Module.__init__(self)
        self.size = state


def test_a_copy_of_what_copies_itself_whole_is_held_by_nobody() -> None:
    """torch copies a parametrized module attribute by attribute."""
    module = parametrizations.spectral_norm(nn.Linear(4, 4))
    hold(module)
    other = copy.deepcopy(module)
    assert not is_held(other)
    assert other.train() is other
    assert other.training
    assert not other.eval().training
    hold(other)
    assert not other.train().training
    release(other, training=True)
    assert other.train().training
    assert "train" not in other.__dict__
    assert not module.train().training


def test_what_says_itself_what_is_copied_of_it_is_asked() -> None:
    module = Sized()
    hold(module)
    other = copy.deepcopy(module)
    assert other.size == 3
    assert other.train().training


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
    assert all(module.training for module in twin.modules())
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    back = torch.load(file, weights_only=False)
    assert all(module.training for module in back.train().modules())
