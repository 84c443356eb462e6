import warnings
from typing import Any

import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNet
from skorch.callbacks import (
    LRScheduler,
)
from skorch.dataset import ValidSplit
from torch import nn

import paramgroups as pg
from paramgroups.errors import HostError, NoMatchError
from paramgroups.integrations.skorch import RecipeClassifier, RecipeNet
from tests.integrations.skorch_cases import Net, data, judged, net, recipe, same


def test_what_the_host_says_too_is_passed_over_and_named() -> None:
    given: dict[str, Any] = {
        "lr": 0.5,
        "optimizer": torch.optim.AdamW,
        "optimizer__weight_decay": 0.1,
        "optimizer__param_groups": [("head*", {"lr": 1.0})],
    }
    message = (
        r"RecipeClassifier: lr=0.5 \(the recipe's lr\); "
        r"optimizer__weight_decay=0.1 \(the recipe's weight_decay\); "
        r"optimizer__param_groups=.* \(the recipe's rules\). The recipe wins"
    )
    with pytest.warns(UserWarning, match=message):
        found = net(**given).initialize()
    with warnings.catch_warnings(action="ignore"):
        assert same(found.fit(*data()), net().fit(*data()))


def test_a_net_as_it_is_says_nothing_of_it() -> None:
    assert net(lr=0.01, optimizer=torch.optim.SGD).initialize().initialized_


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"recipe": 3}, "RecipeClassifier: recipe=3 is no recipe"),
        ({"recipe": lambda: 3}, "RecipeClassifier: recipe=3 is no recipe"),
        ({"recipe": judged, "recipe__heads": 1}, "got an unexpected keyword argument 'heads'"),
        ({"recipe__head": 1}, "recipe__head= is given, and recipe= is no function that takes it"),
        ({"optimizer": torch.optim.RMSprop}, "optimizer=RMSprop, and the recipe says 'adamw'"),
        ({"optimizer": "sgd"}, "optimizer=SGD, and the recipe says 'adamw'"),
        ({"callbacks": [LRScheduler()]}, "callback LRScheduler writes rates, and so does the recipe"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_what_contradicts_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(HostError, match=message):
        net(**given).initialize()


def test_a_net_without_a_recipe_is_no_recipe_net() -> None:
    made: Any = RecipeClassifier
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'recipe'"):
        made(Net)


def test_a_recipe_that_does_not_fit_is_told_when_trained() -> None:
    with pytest.raises(NoMatchError, match='"haed" matches none of 6 parameters'):
        net(recipe=recipe(rules=[pg.rule("haed", lr_scale=2)])).fit(*data())


@pytest.mark.parametrize("name", ["lr", "optimizer__lr", "optimizer"])
def test_rates_are_not_set_behind_the_recipe(name: str) -> None:
    found = net().fit(*data())
    with pytest.raises(HostError, match=rf"set_params\({name}=…\): the recipe gives the rates"):
        found.set_params(**{name: 0.1})
    assert clone(found).set_params(lr=0.01).lr == 0.01


def test_data_without_a_length_are_refused() -> None:
    class Stream(torch.utils.data.IterableDataset[Any]):
        def __init__(self, *_: Any) -> None:
            super().__init__()

        def __iter__(self) -> Any:
            yield torch.randn(4), torch.tensor(0)

    with pytest.raises(HostError, match="does not know its length"):
        net(train_split=None, dataset=Stream).fit(Stream(), None)


def test_all_frozen_and_nothing_to_train() -> None:
    with pytest.raises(pg.ParamGroupsError, match="All parameters are frozen"):
        net(recipe=recipe(rules=[pg.rule("**", trainable=False)])).fit(*data())
    identity = RecipeNet(nn.Identity, nn.MSELoss, recipe=recipe(rules=[]), verbose=0)
    with pytest.raises(pg.ParamGroupsError, match="parameters"):
        identity.fit(data()[0], data()[0])


def test_a_plain_net_is_as_it_was() -> None:
    plain = NeuralNet(Net, nn.NLLLoss, verbose=0, max_epochs=1, train_split=ValidSplit(5))
    assert "recipe" not in plain.get_params()
    plain.fit(*data())
    assert plain.cuda_dependent_attributes_ == ["module_", "criterion_", "optimizer_"]
