"""Recipes from TOML files. Nothing that a file says is run."""

import re
import tomllib
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from paramgroups.control import MAKERS as CONTROLLERS
from paramgroups.errors import FileError, ParamGroupsError, shown
from paramgroups.recipes import MAKERS
from paramgroups.rules import Recipe, read_recipe

LARGEST = 16 * 2**20
PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
# The parser's memory grows with the square of a key's parts, and no recipe has more than four.
LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*+{PART}(?:[ \t]*+\.[ \t]*+{PART}){{24}}", re.MULTILINE)


def load_recipe(path: str | PathLike[str]) -> Recipe:
    r"""Read a recipe from a TOML file.

    Args:
        path: The file; its name without the ending names the recipe unless the file gives a `name`.

    Raises:
        FileError: It cannot be read, is larger than 16 MiB, or is not TOML; the line is named. Or what
            it says is no recipe; the key is named.

    Example:
        >>> import paramgroups as pg
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> text = pg.Recipe(optimizer="adamw", lr=3e-4, rules=[pg.recipes.layer_decay(0.75)]).to_toml()
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "tune.toml")
        ...     _ = path.write_text(text, encoding="utf-8")
        ...     pg.load_recipe(path)
        Recipe(optimizer='adamw', lr=0.0003, rules=[rule('**', lr_scale=LayerDecay(decay=0.75))], name='tune')
    """
    if not isinstance(path, (str, PathLike)):
        raise FileError(f"load_recipe({shown(path)}): give the path of a TOML file.")
    path = Path(path)
    data = read_toml(path, "recipe")
    try:
        return read_recipe(data, replace(MAKERS, controllers=CONTROLLERS), name=path.stem)
    except ParamGroupsError as error:
        raise FileError(f"{path}: {error}") from error


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """What a TOML file says.

    Args:
        path: The file.
        what: What it should hold, as errors name it.

    Raises:
        FileError: It cannot be read, is larger than 16 MiB, or is not TOML; the line is named.
    """
    return _parsed(path, _text(path, what), what)


def _text(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read: {error}") from error
    if len(content) > LARGEST:
        raise FileError(f"{path} is larger than {LARGEST // 2**20} MiB, which no {what} is.")
    return text


def _parsed(path: Path, text: str, what: str) -> dict[str, Any]:
    if found := LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise FileError(f"{path}: the key at line {line} has more than 24 parts, which no {what} has.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = f"line {text.count(chr(10)) + 1}, the end"
        raise FileError(f"{path} is not TOML: {error}".replace("end of document", last)) from error
    except RecursionError:
        raise FileError(f"{path} is nested too deep for a {what}. Write tables as [[rules]].") from None
    except ValueError as error:
        raise FileError(f"{path} cannot be parsed: {error}") from error
