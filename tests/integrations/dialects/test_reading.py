"""What any groups are asked: whose parameters they hold, each once, and all of them."""

from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.dialects import mae, timm
from paramgroups.integrations.dialects.factoring import recipe_of
from tests.integrations.dialects.cases import Net, Vit, planned


def halves(model: nn.Module) -> list[dict[str, Any]]:
    head = [p for n, p in model.named_parameters() if n.startswith("head")]
    rest = [p for n, p in model.named_parameters() if not n.startswith("head")]
    return [{"params": rest, "lr_scale": 0.1}, {"params": head, "lr_scale": 1.0}]


def test_a_parameter_in_no_group_is_named() -> None:
    model = Net()
    with pytest.raises(HostError, match=r"in no group, though trainable: head.weight, head.bias.*left_out="):
        timm.read(halves(model)[:1], model, lr=0.1)


def test_it_is_frozen_where_that_is_meant() -> None:
    model = Net()
    recipe = timm.read(halves(model)[:1], model, lr=0.1, left_out="freeze")
    assert recipe.rules == (pg.rule("head", trainable=False), pg.rule("**", lr_scale=0.1))
    assert [row.name for row in pg.plan(model, recipe).frozen] == ["head.weight", "head.bias"]


def test_a_generator_that_was_used_is_hinted_at() -> None:
    model = nn.Linear(2, 1)
    tensors = model.parameters()
    list(tensors)
    with pytest.raises(HostError, match="Group 0 is empty: a generator gives its tensors once"):
        timm.read([{"params": tensors}], model, lr=0.1)


def test_a_parameter_in_two_groups_is_named() -> None:
    model = Net()
    with pytest.raises(HostError, match=r'"head\.weight" is in group 1 and in group 2'):
        mae.read([*halves(model), {"params": [model.head.weight]}], model, lr=0.1)


def test_a_parameter_twice_in_one_group_is_named() -> None:
    model = nn.Linear(2, 1)
    with pytest.raises(HostError, match='"weight" is in group 0 and in group 0'):
        mae.read([{"params": [model.weight, model.weight, model.bias]}], model, lr=0.1)


def test_a_tensor_of_another_model_is_refused() -> None:
    with pytest.raises(HostError, match=r"group 0 holds a tensor of shape \(1, 2\), which is no parameter"):
        mae.read([{"params": nn.Linear(2, 1).parameters()}], nn.Linear(2, 1), lr=0.1)


@pytest.mark.parametrize(
    "groups", [None, [], {}, "x", [1], [{}], [nn.Parameter(torch.zeros(1))], torch.zeros(2)]
)
def test_what_is_no_list_of_groups_is_refused(groups: Any) -> None:
    with pytest.raises(HostError, match="is no list of parameter groups"):
        mae.read(groups, nn.Linear(2, 1), lr=0.1)


@pytest.mark.parametrize("params", [None, 3, ["weight"], [None]])
def test_params_that_are_no_tensors_are_refused(params: Any) -> None:
    with pytest.raises(HostError, match="group 0 holds "):
        mae.read([{"params": params}], nn.Linear(2, 1), lr=0.1)


def test_what_is_no_model_is_refused() -> None:
    model: Any = "resnet18"
    with pytest.raises(HostError, match="is no model"):
        mae.read([{"params": []}], model, lr=0.1)


def test_names_beside_tensors_a_single_tensor_and_a_wrapped_model_are_read() -> None:
    model = nn.Linear(2, 1)
    groups: list[dict[str, Any]] = [{"params": [("weight", model.weight)], "lr_scale": 0.5}]
    groups.append({"params": model.bias})
    recipe = timm.read(groups, nn.DataParallel(model), lr=0.1)
    assert recipe.rules == (pg.rule("weight", lr_scale=0.5),)


def test_a_tied_tensor_is_read_once() -> None:
    model = Net()
    model.decode_head.weight = model.head.weight
    recipe = timm.read(halves(model), model, lr=1.0)
    assert planned(model, recipe)["decode_head.weight"] == (0.1, 0.01)


def test_other_hyperparameters_of_groups_are_rules_too() -> None:
    model = Net()
    first, second = halves(model)
    second |= {"betas": (0.5, 0.9), "eps": 1e-6, "fused": False, "initial_lr": 0.1, "name": "head"}
    recipe = timm.read([first, second], model, lr=0.1)
    assert recipe.rules == (
        pg.rule("~head", lr_scale=0.1),
        pg.rule("head", beta1=0.5, beta2=0.9, eps=1e-6),
    )


def test_what_is_given_stands_in_the_recipe_and_groups_hold_over_it() -> None:
    model = Net()
    first, second = halves(model)
    recipe = timm.read([first, second | {"weight_decay": 0.3}], model, lr=0.1, weight_decay=0.2, eps=1e-6)
    assert recipe.settings == {"lr": 0.1, "weight_decay": 0.2, "eps": 1e-6}
    assert pg.rule("head", weight_decay=0.3) in recipe.rules


def test_a_rate_of_nothing_is_set() -> None:
    model = Net()
    first, second = halves(model)
    recipe = timm.read([first | {"lr_scale": 0.0}, second], model, lr=0.1)
    assert recipe.rules == (pg.rule("~head", lr=0.0),)


def test_values_that_no_layer_decay_gives_are_rules() -> None:
    model = Vit()
    said = {
        name: {"lr_scale": 0.1 * (place + 1)} for place, name in enumerate(dict(model.named_parameters()))
    }
    recipe = recipe_of(said, pg.index(model), optimizer="sgd", given={"lr": 1.0})
    assert {name: rate for name, (rate, _) in planned(model, recipe).items()} == {
        name: values["lr_scale"] for name, values in said.items()
    }
