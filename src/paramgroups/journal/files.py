"""Text in files: written wholly or not at all."""

import os
from contextlib import suppress
from os import PathLike
from pathlib import Path

from paramgroups.errors import FileError, shown


def write(path: str | PathLike[str], content: str) -> None:
    """Write a text to a file, by way of another in the same folder that takes its place.

    Raises:
        FileError: It cannot be written; what stood there before stands there still.
    """
    target = _path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        with suppress(OSError, ValueError):
            beside.unlink(missing_ok=True)
        raise FileError(f"{target} cannot be written: {error}.") from error


def read(path: str | PathLike[str]) -> str:
    """The text of a file.

    Raises:
        FileError: It cannot be read, or is no text.
    """
    target = _path(path)
    try:
        return target.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{target} is no text in UTF-8: {error}. Give a file that save() wrote.") from error
    except (OSError, ValueError) as error:
        raise FileError(f"{target} cannot be read: {error}.") from error


def _path(path: object) -> Path:
    if isinstance(path, str | PathLike):
        with suppress(TypeError):  # a path of bytes
            found = Path(path)
            if found.name:
                return found
    raise FileError(f'{shown(path)} is no path of a file. Give one, such as "runs/journal.jsonl".')
