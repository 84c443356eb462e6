"""Silences from a TOML file: a project's `pyproject.toml`, or one of their own."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.silences import Meant, Silence, check_codes, is_code, resolve, silence
from paramgroups.errors import FileError, ParamGroupsError, nearest, shown
from paramgroups.indexing import Index
from paramgroups.planning.files import read_toml

KEYS = ("code", "selector", "reason")
TABLE = "[[tool.paramgroups.audit.silence]]"


def silences_of(asked: object, known: Mapping[str, Kind], index: Index) -> tuple[Meant, ...]:
    """The silences that are asked for, each checked and resolved before anything is looked at.

    Args:
        asked: A list of them, or a file that lists them.
        known: The kinds of findings.
        index: The model's parameters.

    Raises:
        PlanError: They are neither, one is no silence, or of a kind that there is not.
        FileError: The file cannot be read.
        SelectorError: A selector asks what cannot be known here.
    """
    if isinstance(asked, (str, PathLike)) and not is_code(asked, known):
        asked = read_silences(asked)
    return resolve(check_codes(asked, known), index)


def read_silences(path: str | PathLike[str]) -> tuple[Silence, ...]:
    """The silences that a TOML file lists; none where it has no table of them.

    Each is a table `[[tool.paramgroups.audit.silence]]`, so that it can stand in a `pyproject.toml`, with
    `code`, `reason` and, where it is for some parameters alone, `selector`.

    Args:
        path: The file.

    Raises:
        FileError: It cannot be read, is no TOML, or a table is not a silence; its number is named.
    """
    path = Path(path)
    found: Any = read_toml(path, "list of silences")
    for key in ("tool", "paramgroups", "audit", "silence"):
        found = found.get(key, {}) if isinstance(found, Mapping) else {}
    if not found:
        return ()
    if not isinstance(found, list):
        raise FileError(f"{path}: the silences are {shown(found)}. Write each as a table of a list: {TABLE}.")
    return tuple(_silence(one, f"{path}, silence {place}") for place, one in enumerate(found, 1))


def _silence(table: object, where: str) -> Silence:
    if not isinstance(table, Mapping):
        raise FileError(f"{where}: {shown(table)} is no table. Write {TABLE} with code and reason.")
    if unknown := [key for key in table if key not in KEYS]:
        raise FileError(f'{where}: a silence has no "{unknown[0]}". {nearest(unknown[0], KEYS)}')
    if lacking := [key for key in ("code", "reason") if key not in table]:
        raise FileError(f'{where} gives no {lacking[0]}. Write {lacking[0]} = "…".')
    try:
        return silence(table["code"], table.get("selector"), reason=table["reason"])
    except ParamGroupsError as error:
        raise FileError(f"{where}: {error}") from error
