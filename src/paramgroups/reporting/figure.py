"""An empty figure, and a figure in a file; matplotlib is imported when one is made."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from paramgroups.errors import FileError, ParamGroupsError, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 130  # letters stay readable where the picture is shown at half its size
ENDINGS = (".png", ".svg", ".pdf")


class MissingPackageError(ParamGroupsError):
    """A picture is asked for, and matplotlib is not installed."""


def new_figure(width: int, height: int) -> "Figure":
    """An empty figure of so many pixels.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # an extra: only pictures need it
    except ImportError as error:
        raise MissingPackageError(
            f'A picture needs matplotlib: {error}.\n  Install it: pip install "paramgroups[plot]"'
        ) from error
    return Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained", facecolor="white")


def checked_path(path: object) -> Path:
    """Where a picture goes: its ending says what it becomes.

    Raises:
        FileError: It is no path, or its ending is none of a picture.
    """
    if not isinstance(path, (str, PathLike)) or isinstance(path, bytes):
        raise FileError(f'path={shown(path)} is no path. Write where the picture goes: "rates.png".')
    found = Path(path)
    if found.suffix.lower() not in ENDINGS:
        raise FileError(
            f'A picture in "{found}": its ending is none of {", ".join(ENDINGS)}. Write one of them.'
        )
    return found


def write_figure(figure: "Figure", path: Path) -> None:
    """Write a figure.

    Raises:
        FileError: The file cannot be written.
    """
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise FileError(f'The picture "{path}" cannot be written: {error}') from error
