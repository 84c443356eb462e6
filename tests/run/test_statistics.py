"""Running statistics stand still while what they belong to is frozen."""

import copy
import io

import torch
from torch import nn

from paramgroups.run.freezing import freeze, thaw
from paramgroups.run.statistics import Statistics, hold, is_held, release


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


class TestStatistics:
    def test_it_follows_the_parameters(self) -> None:
        norm, _ = norm_and_input()
        statistics = Statistics(nn.Sequential(norm), norm.parameters())
        statistics.follow()
        assert norm.training
        freeze(norm.parameters())
        statistics.follow()
        assert not norm.training
        thaw(norm.parameters())
        statistics.follow()
        assert norm.training

    def test_a_norm_of_which_a_part_trains_is_not_held(self) -> None:
        norm, _ = norm_and_input()
        statistics = Statistics(nn.Sequential(norm), [norm.weight])
        freeze([norm.weight])
        statistics.follow()
        assert norm.training

    def test_what_the_user_froze_is_left_alone(self) -> None:
        norm, other = norm_and_input()[0], nn.BatchNorm1d(3)
        model = nn.Sequential(norm, other)
        model.requires_grad_(False)
        Statistics(model, norm.parameters()).follow()
        assert (norm.training, other.training) == (False, True)

    def test_a_norm_without_parameters_goes_with_what_is_around_it(self) -> None:
        stem = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, affine=False))
        model = nn.Sequential(stem, nn.Linear(3, 3), nn.BatchNorm1d(3, affine=False))
        statistics = Statistics(model, stem.parameters())
        freeze(stem.parameters())
        statistics.follow()
        assert (stem[1].training, model[2].training) == (False, True)

    def test_a_norm_with_a_parametrized_weight_is_held(self) -> None:
        norm, _ = norm_and_input()
        nn.utils.parametrize.register_parametrization(norm, "weight", nn.Identity())
        statistics = Statistics(nn.Sequential(norm), norm.parameters())
        freeze(norm.parameters())
        statistics.follow()
        assert not norm.training

    def test_a_norm_that_is_shared_is_held_once(self) -> None:
        norm, x = norm_and_input()
        model = nn.ModuleDict({"a": nn.Sequential(norm), "b": nn.Sequential(norm)})
        statistics = Statistics(model, norm.parameters())
        freeze(norm.parameters())
        statistics.follow()
        model.train()["b"](x)
        assert norm.num_batches_tracked == 0

    def test_it_is_released_into_the_mode_that_is_around_it(self) -> None:
        norm, _ = norm_and_input()
        model = nn.Sequential(norm)
        statistics = Statistics(model, norm.parameters())
        freeze(norm.parameters())
        statistics.follow()
        model.eval()
        thaw(norm.parameters())
        statistics.follow()
        assert not norm.training
        assert model.train()[0].training

    def test_what_the_user_put_into_evaluation_stays_there(self) -> None:
        norm, _ = norm_and_input()
        model = nn.Sequential(norm)
        norm.eval()
        statistics = Statistics(model, norm.parameters())
        freeze(norm.parameters())
        statistics.follow()
        thaw(norm.parameters())
        statistics.follow()
        assert not norm.training

    def test_of_two_that_watch_a_norm_the_first_releases_it(self) -> None:
        norm, _ = norm_and_input()
        model = nn.Sequential(norm)
        freeze(norm.parameters())
        norm.eval()
        first = Statistics(model, norm.parameters())
        first.follow()
        second = Statistics(model, [])
        second.follow()
        thaw(norm.parameters())
        first.follow()
        second.follow()
        assert not is_held(norm)
        assert not norm.training

    def test_a_copy_follows_its_own_modules(self) -> None:
        norm, _ = norm_and_input()
        model = nn.Sequential(norm)
        statistics = Statistics(model, norm.parameters())
        freeze(norm.parameters())
        statistics.follow()
        other, theirs = copy.deepcopy((model, statistics))
        thaw(other.parameters())
        theirs.follow()
        assert (other[0].training, norm.training) == (True, False)
