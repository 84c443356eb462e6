"""Modules stand still while what they belong to is frozen."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, spectral_norm

from paramgroups.indexing.flags import freeze, thaw
from paramgroups.run.holding import is_held
from paramgroups.run.statistics import Statistics


def norm_and_input() -> tuple[nn.BatchNorm1d, torch.Tensor]:
    return nn.BatchNorm1d(3), torch.arange(12.0).reshape(4, 3)


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

    def test_what_measures_variances_alone_is_held(self) -> None:
        norm, _ = norm_and_input()
        norm.running_mean = None
        statistics = Statistics(nn.Sequential(norm), norm.parameters())
        freeze(norm.parameters())
        statistics.follow()
        assert not norm.training

    def test_a_mode_that_is_set_by_hand_holds_until_the_next_tick(self) -> None:
        norm, _ = norm_and_input()
        statistics = Statistics(nn.Sequential(norm), norm.parameters())
        freeze(norm.parameters())
        statistics.follow()
        norm.training = True
        statistics.follow()
        assert not norm.training

    def test_a_train_of_the_users_is_back_after_the_thaw(self) -> None:
        norm = nn.BatchNorm1d(3).eval()
        norm.train = theirs = lambda mode=True: norm  # type: ignore[method-assign]  # as users do  # noqa: ARG005
        model = nn.Sequential(norm).eval()
        statistics = Statistics(model, norm.parameters())
        freeze(norm.parameters())
        statistics.follow()
        model.train()
        thaw(norm.parameters())
        statistics.follow()
        assert norm.train is theirs
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

    @pytest.mark.parametrize("normed", [parametrizations.spectral_norm, spectral_norm], ids=["new", "old"])
    def test_the_vectors_of_a_spectral_norm_stand_still(self, normed: Any) -> None:
        layer = normed(nn.Linear(4, 4))
        model, x = nn.Sequential(layer), torch.eye(4)
        statistics = Statistics(model, layer.parameters())
        before = {name: one.clone() for name, one in layer.named_buffers()}
        freeze(layer.parameters())
        statistics.follow()
        model.train()(x)
        assert all(torch.equal(before[name], one) for name, one in layer.named_buffers())
        thaw(layer.parameters())
        statistics.follow()
        model.train()(x)
        assert not any(torch.equal(before[name], one) for name, one in layer.named_buffers())

    def test_what_is_masked_stands_still_though_its_gradients_flow(self) -> None:
        norm, _ = norm_and_input()
        statistics = Statistics(nn.Sequential(norm), norm.parameters())
        statistics.follow({id(tensor) for tensor in norm.parameters()})
        assert not norm.training
        statistics.follow({id(norm.weight)})
        assert norm.training


class Attention(nn.Module):
    """Dropout as attention has it: a function that asks the module."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.dropout(self.query(x), 0.5, self.training)


class Tower(nn.Module):
    """A frozen part with dropout of all kinds, and a head that trains."""

    stem: Any

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout()
        self.stem = nn.Sequential(nn.Sequential(Attention(), nn.Dropout()), self.drop, nn.LayerNorm(3))
        self.head = nn.Sequential(nn.Dropout(), nn.Linear(3, 3))


def quiet(model: nn.Module) -> tuple[Statistics, list[nn.Parameter], set[int]]:
    tensors = list(model.parameters())
    return Statistics(model, [], tensors), tensors, {id(tensor) for tensor in tensors}


def modes(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if name and module.training]


class TestDropout:
    def test_all_that_is_frozen_is_in_evaluation_and_follows_no_parent(self) -> None:
        tower = Tower()
        statistics, tensors, ids = quiet(tower)
        freeze(tower.stem.parameters())
        statistics.follow((), ids)
        trained = ["drop", "head", "head.0", "head.1"]
        assert modes(tower.train()) == trained
        assert modes(tower.eval()) == []
        assert modes(tower.train()) == trained
        thaw(tensors)
        statistics.follow((), ids)
        assert modes(tower) == [name for name, _ in tower.named_modules() if name]

    def test_functional_dropout_is_off_too(self) -> None:
        tower, x = Tower(), torch.ones(64, 3)
        statistics, _, ids = quiet(tower)
        freeze(tower.stem.parameters())
        part = tower.stem[0]
        assert not torch.equal(part(x), part(x))
        statistics.follow((), ids)
        assert torch.equal(tower.train().stem[0](x), part(x))

    def test_a_dropout_that_a_trained_part_uses_too_stays_on(self) -> None:
        """Tower.drop is the model's own, and stands in the stem as well."""
        tower = Tower()
        statistics, _, ids = quiet(tower)
        freeze(tower.stem.parameters())
        statistics.follow((), ids)
        assert tower.train().stem[1] is tower.drop
        assert tower.drop.training
        assert not tower.stem[0][1].training

    def test_what_is_only_partly_frozen_or_only_partly_quiet_is_left_alone(self) -> None:
        tower = Tower()
        statistics, _, ids = quiet(tower)
        freeze(tower.stem.parameters())
        statistics.follow((), ids - {id(tower.stem[2].weight)})
        assert modes(tower) == ["drop", "stem", "stem.2", "head", "head.0", "head.1"]
        statistics.follow((), ())
        assert modes(tower) == [name for name, _ in tower.named_modules() if name]

    def test_it_is_released_into_the_mode_around_it_and_what_the_user_put_into_evaluation_stays(self) -> None:
        tower = Tower()
        statistics, tensors, ids = quiet(tower)
        tower.stem[0][1].eval()
        freeze(tower.stem.parameters())
        statistics.follow((), ids)
        thaw(tensors)
        statistics.follow((), ids)
        assert tower.stem[0][0].query.training
        assert not tower.stem[0][1].training
        freeze(tower.stem.parameters())
        statistics.follow((), ids)
        tower.eval()
        thaw(tensors)
        statistics.follow((), ids)
        assert modes(tower) == []

    def test_a_module_that_is_shared_is_held_where_its_tensors_are_frozen(self) -> None:
        shared = Attention()
        model = nn.ModuleDict({"a": nn.Sequential(shared), "b": nn.Sequential(shared, nn.Linear(3, 3))})
        statistics, _, ids = quiet(model)
        freeze(shared.parameters())
        statistics.follow((), ids)
        assert modes(model.train()) == ["b", "b.1"]

    def test_masks_hold_as_flags_do(self) -> None:
        tower = Tower()
        statistics, _, ids = quiet(tower)
        statistics.follow({id(tensor) for tensor in tower.stem.parameters()}, ids)
        assert modes(tower.train()) == ["drop", "head", "head.0", "head.1"]

    def test_a_copy_and_a_pickle_hold_on(self) -> None:
        tower = Tower()
        statistics, _, ids = quiet(tower)
        freeze(tower.stem.parameters())
        statistics.follow((), ids)
        for other, theirs in (
            copy.deepcopy((tower, statistics)), pickle.loads(pickle.dumps((tower, statistics)))  # noqa: S301  # ours
        ):  # fmt: skip
            assert modes(other.train()) == ["drop", "head", "head.0", "head.1"]
            thaw(other.parameters())
            theirs.follow((), set(map(id, other.parameters())))
            assert modes(other) == [name for name, _ in other.named_modules() if name]
        assert not tower.stem[0].training

    def test_what_an_earlier_run_held_is_let_go(self) -> None:
        tower = Tower()
        statistics, _, ids = quiet(tower)
        freeze(tower.stem.parameters())
        statistics.follow((), ids)
        Statistics(tower, []).follow()
        assert modes(tower.train()) == [name for name, _ in tower.named_modules() if name]

    def test_modules_without_any_parameter_around_them_are_left_alone(self) -> None:
        inner = nn.ModuleDict({"drop": nn.Dropout()})
        inner["drop"].add_module("back", inner)
        statistics = Statistics(inner, [], [nn.Parameter(torch.ones(1))])
        statistics.follow()
        assert inner.training
