"""What holds of all that are written as a word: data, TOML, titles."""

import json
import tomllib
from typing import Any

import pytest

from paramgroups.control import MAKERS, divergence, nonfinite, plateau, ratio, rollback, spike, stop
from paramgroups.control.making import KINDS
from paramgroups.control.writing import Written
from paramgroups.errors import ParamGroupsError, RuleError, SelectorError
from paramgroups.rules import Makers, Recipe, read_recipe
from paramgroups.select import where

GUARDS: list[Written] = [
    nonfinite(),
    nonfinite("head", metric="loss", alone=True),
    spike(),
    spike("head", "loss", floor=0.5),
    spike(score=8, window=64, least=16, action="clip", patience=3, alone=True),
    ratio(high=0.01),
    ratio("head", high=0.1, low=1e-5, factor=0.5, patience=0, cooldown=5, floor=0.1, ceiling=2),
    divergence(of="share", above=0.5),
    rollback("head", after=2, every=50, factor=0.5, most=1),
    stop(after=5),
]


@pytest.mark.parametrize("guard", GUARDS, ids=repr)
def test_it_is_data_and_its_repr_pastes_back(guard: Any) -> None:
    data = json.loads(json.dumps(guard.to_data()))
    assert MAKERS[data.pop("use")](**data) == guard
    assert eval(repr(guard), {kind.__name__: kind for kind in KINDS}) == guard  # noqa: S307  # our own text
    assert hash(guard) == hash(type(guard)(**vars(guard)))


def test_toml_holds_them() -> None:
    recipe = Recipe(optimizer="sgd", lr=0.1, controllers=GUARDS)
    written = recipe.to_toml()
    assert '[[controllers]]\nuse = "spike"\nselect = "head"\nmetric = "loss"\nfloor = 0.5' in written
    assert read_recipe(tomllib.loads(written), Makers(controllers=MAKERS)) == recipe


@pytest.mark.parametrize("kind", [nonfinite, spike, divergence, rollback, stop])
def test_a_guard_selects_all_where_none_is_said(kind: Any) -> None:
    assert kind() == kind("**")
    assert [one.text for one in kind().selectors] == ["**"]
    assert MAKERS[kind.__name__]() == kind()
    with pytest.raises(SelectorError):
        kind("head |")


@pytest.mark.parametrize("guard", [spike(where("large", lambda row: row.numel > 10))], ids=["spike"])
def test_a_selector_that_is_a_function_is_no_data(guard: Written) -> None:
    with pytest.raises(RuleError, match="its selector is a function, and a function is no data"):
        guard.to_data()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"use": "ratio"}, r"ratio lacks high\. It takes: select, high, low, factor"),
        ({"use": "spike", "scor": 5}, r"spike has no option 'scor'\. Nearest: \"score\""),
        ({"use": "rolback"}, r"use = 'rolback' is not known\. Nearest: \"rollback\""),
        ({"use": "stop", "after": "10"}, r"after='10'"),
    ],
    ids=["lacking", "unknown", "word", "value"],
)
def test_mistakes_of_a_file_are_named_by_their_place(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamGroupsError, match=rf"controllers\[1\]: {message}"):
        read_recipe({"optimizer": "adamw", "lr": 1.0, "controllers": [entry]}, Makers(controllers=MAKERS))


def test_a_title_names_what_tells_it_from_others() -> None:
    assert [guard.title for guard in (plateau("head", "loss"), spike("head", "loss"), spike("head"))] == [
        'plateau("head", "loss")', 'spike("head", "loss")', 'spike("head")',
    ]  # fmt: skip
