import copy
import pickle
from dataclasses import FrozenInstanceError
from itertools import repeat
from typing import Any

import pytest
import torch
from hypothesis import given
from torch.optim import Optimizer

import paramgroups.schedules
from paramgroups.errors import RuleError, ScheduleError
from paramgroups.recipes import ChainThaw, GradualUnfreezing, LayerDecay, layer_decay, no_decay
from paramgroups.rules import Recipe, Table, per_parameter, rule
from paramgroups.schedules import cosine, function, linear, warmup
from paramgroups.select import where
from tests.rules.strategies import recipes

WORDS = vars(paramgroups.schedules) | {
    "Recipe": Recipe,
    "rule": rule,
    "ChainThaw": ChainThaw,
    "GradualUnfreezing": GradualUnfreezing,
    "LayerDecay": LayerDecay,
    "Table": Table,
}


class Own(Optimizer):
    def __init__(self, params: Any, lr: float = 0.1, power: float = 2.0) -> None:
        super().__init__(params, {"lr": lr, "power": power})


class Needy(Optimizer):
    def __init__(self, params: Any, lr: float, gamma: float) -> None:
        super().__init__(params, {"lr": lr, "gamma": gamma})


def test_settings_are_for_all() -> None:
    recipe = Recipe(optimizer="adamw", lr=1, weight_decay=0.0, betas=(0.9, 0.95))
    assert recipe.settings == {"lr": 1.0, "weight_decay": 0.0, "beta1": 0.9, "beta2": 0.95}
    assert recipe.lr == 1.0
    assert isinstance(recipe.lr, float)


A, B, C = rule("a", lr=1), rule("b", lr=2), rule("c", lr=3)


@pytest.mark.parametrize(
    "rules",
    [
        [A, B, C],
        (A, B, C),
        (one for one in (A, B, C)),
        [A, [B, (C,)]],
        [[[[A]], B], [], (one for one in [C])],
        {"a": A, "b": B, "c": C}.values(),
    ],
)
def test_lists_within_the_list_are_read_in_place(rules: Any) -> None:
    assert Recipe(optimizer="sgd", lr=0.1, rules=rules).rules == (A, B, C)


def test_deep_and_cyclic_lists_are_refused() -> None:
    deep: list[Any] = [A]
    for _ in range(100_000):
        deep = [deep]
    cyclic: list[Any] = [A]
    cyclic.append(cyclic)
    for rules in (deep, cyclic):
        with pytest.raises(RuleError, match=r"a list in a list, 9 deep\. Give one list of rules"):
            Recipe(optimizer="sgd", lr=0.1, rules=rules)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (A, r"rules=rule\('a', lr=1.0\): give a list of rules"),
        ("head", "rules='head': give a list of rules"),
        ({"head": A}, "rules={'head': .*}: give a list of rules"),
        (3, "rules=3: give a list of rules"),
        (None, "rules=None: give a list of rules"),
        (torch.zeros(()), r"rules=tensor\(0.\): give a list of rules"),
        (["head"], r"'head' is no rule. Write pg.rule\(selector, setting=value\)"),
        ([A, {"select": "head"}], "{'select': 'head'} is no rule"),
        ([no_decay], "<function no_decay .*> is no rule"),
        ([[torch.zeros(())]], "give a list of rules"),
        (repeat("a"), "'a' is no rule"),
    ],
)
def test_what_is_no_list_of_rules(rules: Any, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        Recipe(optimizer="sgd", lr=0.1, rules=rules)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"optimizer": "adamW"}, 'Nearest: "adamw"'),
        ({"optimizer": "adam_w"}, 'Nearest: "adamw"'),
        ({"optimizer": Needy}, "optimizer=Needy cannot be made from parameters and lr alone: .*gamma"),
        ({"optimizer": torch.optim}, "is no optimizer"),
        ({"lr": "1e-4"}, "Write it without quotes: 0.0001"),
        ({"lr": None}, "lr=None is no number"),
        ({"lr": -1}, "lr=-1 is out of its domain"),
        ({"lr": torch.tensor(0.1)}, "is a tensor, which several groups would share"),
        ({"weight_decay_scale": 2}, "weight_decay_scale= scales, and a recipe's defaults have nothing to"),
        ({"lr": LayerDecay(0.5)}, r'lr= differs from row to row: give it to a rule, such as rule\("\*\*"'),
        ({"momentum": per_parameter("m", lambda _: 0.9)}, "momentum= differs from row to row"),
        ({"trainable": False}, r'trainable= is for rules: write rule\("\*\*", trainable=False\)'),
        ({"name": 3}, "name=3: give a name"),
        ({"name": ""}, "name='': give a name"),
        ({"schedule": lambda u: u}, "Write schedules.function"),
        ({"schedule": cosine(), "schedules": {"lr": linear()}}, 'names "lr" again'),
    ],
)
def test_what_has_no_meaning_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        Recipe(**dict[str, Any](optimizer="sgd", lr=0.1) | said)


def test_a_class_of_torch_is_its_name() -> None:
    assert Recipe(optimizer=torch.optim.AdamW, lr=1) == Recipe(optimizer="adamw", lr=1)


def test_a_users_class_stays_a_class_and_is_no_data() -> None:
    recipe = Recipe(optimizer=Own, lr=1, power=3)
    assert recipe.optimizer is Own
    assert pickle.loads(pickle.dumps(recipe)) == recipe  # noqa: S301
    message = "optimizer=Own is a class, and a class is no data. Keep this recipe in Python, or name an"
    with pytest.raises(RuleError, match=message):
        recipe.to_toml()
    with pytest.raises(RuleError, match=message):
        Recipe(optimizer="sgd", lr=1, rules=[rule("head", optimizer=Own)]).to_toml()


def test_functions_are_no_data() -> None:
    fixes = {
        rule("head", lr=per_parameter("mine", lambda _: 1)): "Plan first, then save `plan.recipe`",
        rule(where("wide", lambda _: True), lr=1): "where.wide. is a function, .* Plan first",
        rule("head", foo=len): "foo=<built-in function len> is no data: a file holds numbers, text",
    }
    for one, message in fixes.items():
        with pytest.raises(RuleError, match=message):
            Recipe(optimizer="sgd", lr=1, rules=[one]).to_toml()
    with pytest.raises(ScheduleError, match="Save the plan's recipe instead"):
        Recipe(optimizer="sgd", lr=1, schedule=function("mine", lambda u: u)).to_toml()


@given(recipes())
def test_a_recipe_pastes_back_copies_and_pickles(recipe: Recipe) -> None:
    assert eval(repr(recipe), dict(WORDS)) == recipe  # noqa: S307  # its own words
    for other in (copy.copy(recipe), copy.deepcopy(recipe), pickle.loads(pickle.dumps(recipe))):  # noqa: S301
        assert other == recipe
        assert (hash(other), repr(other)) == (hash(recipe), repr(recipe))


def test_the_repr_reads_as_it_is_written() -> None:
    recipe = Recipe(
        optimizer="adamw",
        lr=3e-4,
        schedule=warmup("5%").then(cosine(end=0.01)),
        schedules={"weight_decay": linear()},
        rules=[layer_decay(0.75)],
        name="mine",
    )
    assert repr(recipe) == (
        "Recipe(optimizer='adamw', lr=0.0003, schedule=warmup('5%').then(cosine(end=0.01)), "
        "schedules={'weight_decay': linear()}, rules=[rule('**', lr_scale=LayerDecay(decay=0.75))], "
        "name='mine')"
    )


def test_a_recipe_is_immutable() -> None:
    recipe = Recipe(optimizer="sgd", lr=1)
    for name in ("name", "rules", "weight_decay"):
        with pytest.raises(FrozenInstanceError):
            setattr(recipe, name, 0.1)
    with pytest.raises(AttributeError):
        recipe.lr = 0.1  # type: ignore[misc]  # the mistake


def test_equality_is_of_what_is_said() -> None:
    recipe = Recipe(optimizer="sgd", lr=1, rules=[A])
    assert recipe == Recipe(optimizer="sgd", lr=1.0, rules=[[A]], name="another name")
    assert recipe != Recipe(optimizer="sgd", lr=1, rules=[A, A])
    assert recipe != Recipe(optimizer="sgd", lr=1, rules=[A], weight_decay=0.0)
    assert recipe != Recipe(optimizer="sgd", lr=1, rules=[A], schedule=cosine())


def test_a_recipe_with_other_parts() -> None:
    recipe = Recipe(optimizer="sgd", lr=1, momentum=0.9, rules=[A], schedule=cosine(), name="mine")
    other = recipe.with_parts([B], {"momentum": linear()})
    assert other == Recipe(optimizer="sgd", lr=1, momentum=0.9, rules=[B], schedules={"momentum": linear()})
    assert other.name == "mine"
    assert recipe.rules == (A,)


def test_what_no_optimizer_reads_is_kept_apart_from_what_it_reads() -> None:
    said: dict[str, Any] = {"decay": "independent", "weight_decay": 1e-5, "rewarm": "2%", "dropout": False}
    recipe = Recipe(optimizer="adamw", lr=1e-3, **said)
    assert recipe.settings == {"lr": 1e-3, "weight_decay": 1e-5}
    assert recipe.own == {"moments": "clean", "dropout": False, "rewarm": "2%", "decay": "independent"}
    assert repr(recipe) == (
        "Recipe(optimizer='adamw', lr=0.001, decay='independent', weight_decay=1e-05, rewarm='2%', "
        "dropout=False)"
    )
    assert 'decay = "independent"\nweight_decay = 1e-05\nrewarm = "2%"\ndropout = false' in recipe.to_toml()
    assert recipe != Recipe(optimizer="adamw", lr=1e-3, **(said | {"decay": "coupled"}))
    with pytest.raises(RuleError, match="rewarm= differs from row to row: give it to a rule"):
        Recipe(optimizer="adamw", lr=1e-3, rewarm=per_parameter("n", lambda row: row.ndim))
    with pytest.raises(RuleError, match="decay_scale"):
        Recipe(optimizer="adamw", lr=1e-3, decay_scale=0.5)
