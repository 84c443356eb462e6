"""Recipes from TOML files. Nothing that a file says is run."""

import tomllib
from pathlib import Path
from typing import Any

from paramgroups.errors import FileError, ParamGroupsError
from paramgroups.recipes.depth import LayerDecay, layer_decay
from paramgroups.recipes.parts import backbone_head, by_magnitude, by_type, no_decay
from paramgroups.rules import Makers, Recipe, read_recipe

MAKERS = Makers(
    values={"layer_decay": LayerDecay},
    rules={
        "backbone_head": backbone_head,
        "by_magnitude": by_magnitude,
        "by_type": by_type,
        "layer_decay": layer_decay,
        "no_decay": no_decay,
    },
)
LARGEST = 16 * 2**20


def load_recipe(path: str | Path) -> Recipe:
    r"""Read a recipe from a TOML file.

    Args:
        path: The file; its name without the ending names the recipe unless the file gives a `name`.

    Raises:
        FileError: It cannot be read, is larger than 16 MiB, or is not TOML; the line is named. Or what
            it says is no recipe; the key is named.

    Example:
        >>> import paramgroups as pg
        >>> from pathlib import Path
        >>> text = pg.Recipe(optimizer="adamw", lr=3e-4, rules=[pg.recipes.layer_decay(0.75)]).to_toml()
        >>> _ = Path("finetune.toml").write_text(text)
        >>> pg.load_recipe("finetune.toml").to_toml() == 'name = "finetune"\n' + text
        True
    """
    path = Path(path)
    data = _parsed(path, _text(path))
    try:
        return read_recipe(data, MAKERS, name=path.stem)
    except ParamGroupsError as error:
        raise FileError(f"{path}: {error}") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise FileError(f"{path} is larger than {LARGEST // 2**20} MiB, which no recipe is.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise FileError(f"{path} cannot be read: {error}") from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{path} is not TOML: {error}") from error
    except (RecursionError, ValueError) as error:
        raise FileError(f"{path} cannot be parsed: {type(error).__name__}: {error}") from error
