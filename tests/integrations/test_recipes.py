"""A recipe is named to a host by itself or by its file."""

from pathlib import Path
from typing import Any

import pytest

import paramgroups as pg
from paramgroups.errors import FileError, HostError
from paramgroups.integrations.recipes import recipe_of

RECIPE = pg.Recipe(optimizer="adamw", lr=1e-3, rules=[pg.rule("head", lr_scale=10)])


def test_a_recipe_is_itself() -> None:
    assert recipe_of(RECIPE, "RecipeTrainer") is RECIPE


def test_a_path_is_read_as_text_or_as_a_path(tmp_path: Path) -> None:
    path = tmp_path / "tune.toml"
    path.write_text(RECIPE.to_toml())
    assert recipe_of(path, "RecipeTrainer") == recipe_of(str(path), "RecipeTrainer") == RECIPE


@pytest.mark.parametrize(
    "wrong", [None, "", {"lr": 1e-3}, 0.1, pg.Recipe], ids=["none", "empty", "dict", "number", "class"]
)
def test_what_is_no_recipe_is_told_with_who_was_given_it(wrong: Any) -> None:
    with pytest.raises(
        HostError, match=r"RecipeTrainer: recipe=.* is no recipe. Give a pg.Recipe, or the path"
    ):
        recipe_of(wrong, "RecipeTrainer")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone.toml cannot be read"):
        recipe_of(tmp_path / "gone.toml", "RecipeTrainer")
