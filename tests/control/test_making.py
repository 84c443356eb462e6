import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from paramgroups.control import MAKERS, greedy, plateau
from paramgroups.errors import ParamGroupsError, RuleError
from paramgroups.rules import Makers, Recipe, read_recipe


def test_the_words_of_a_file() -> None:
    assert MAKERS["plateau"](select="head", metric="loss", factor=0.5) == plateau("head", "loss", factor=0.5)
    assert MAKERS["greedy"](select="head", metric="loss", window=3) == greedy("head", "loss", window=3)


def test_a_recipe_with_controllers_is_read_back_from_its_data() -> None:
    recipe = Recipe(
        optimizer="adamw", lr=1e-3, controllers=[plateau("head", "loss"), greedy("~head", "acc", mode="max")]
    )
    data: dict[str, Any] = recipe.to_data()
    assert read_recipe(data, Makers(controllers=MAKERS)) == recipe


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MAKERS["plateau"](select="head", metric="loss", factr=0.5),
            r"plateau has no option 'factr'\. Nearest: \"factor\"",
        ),
        (
            lambda: MAKERS["plateau"](select="head", metric="loss", window=3),
            r"plateau has no option 'window'",
        ),
        (lambda: MAKERS["greedy"](select="head", metric="loss", mode=1), r"mode=1 is not known"),
    ],
    ids=["unknown", "of another", "value"],
)
def test_mistakes_are_named(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"use": "plateau", "metric": "loss"},
            r"controllers\[1\]: plateau lacks select\. It takes: select, metric, factor, patience, .*, nan\.",
        ),
        ({"use": "plato", "select": "head"}, r"controllers\[1\]: use = 'plato' is not known"),
        ({"use": "plateau", "select": "head", "metric": "loss", "floor": 2}, r"controllers\[1\]: floor=2"),
    ],
    ids=["lacking", "unknown", "value"],
)
def test_mistakes_of_a_file_are_named_by_their_place(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamGroupsError, match=message):
        read_recipe({"optimizer": "adamw", "lr": 1.0, "controllers": [entry]}, Makers(controllers=MAKERS))


def test_toml_holds_them() -> None:
    recipe = Recipe(
        optimizer="sgd",
        lr=0.1,
        controllers=[plateau("head", "loss", floor=0.01, cooldown=2), greedy("stem", "loss", ceiling=None)],
    )
    written = recipe.to_toml()
    assert '[[controllers]]\nuse = "plateau"\nselect = "head"' in written
    assert read_recipe(tomllib.loads(written), Makers(controllers=MAKERS)) == recipe
