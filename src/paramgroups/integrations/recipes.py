"""A recipe as a user names it to a host: itself, or the path of its file."""

from os import PathLike
from typing import TypeAlias

from paramgroups.errors import HostError, shown
from paramgroups.planning import load_recipe
from paramgroups.rules import Recipe

Named: TypeAlias = Recipe | str | PathLike[str]


def recipe_of(named: Named, who: str) -> Recipe:
    """The recipe that is meant.

    Args:
        named: A recipe, or the path of a TOML file.
        who: Who was given it, as an error names it.

    Raises:
        HostError: It is neither.
        FileError: The file cannot be read, or holds no recipe.
    """
    if isinstance(named, Recipe):
        return named
    if isinstance(named, (str, PathLike)) and str(named):
        return load_recipe(named)
    raise HostError(
        f"{who}: recipe={shown(named)} is no recipe. Give a pg.Recipe, or the path of one in TOML."
    )
