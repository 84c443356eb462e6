"""A table in a file that grows by rows, step by step, and can be gone on with after a kill."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from paramgroups.errors import FileError, shown
from paramgroups.journal.files import write

CELL = r'("(?:[^"]++|"")*+"|[^",\r\n]*+)'
ROW = re.compile(rf"(\d*),{CELL},{CELL}\r?\n")


class Row(NamedTuple):
    """A row as it stands in a file.

    Attributes:
        step: Its step; None where it is of the whole run.
        name: What it tells of, quoted perhaps.
        line: All of it.
    """

    step: int | None
    name: str
    line: str


class Table:
    """A file of three columns, step, name and a third one, in the format of CSV (RFC 4180).

    Rows are appended, and written whole at once, so that a kill leaves at most the last one torn. The first
    row that is written decides about what a file holds already. From step 0 on it is another run: what is
    there is moved aside. From a later step on the run goes on: what is torn, and what a run told of this
    step and later ones before it was cut off, gives place.

    Args:
        path: The file; its folder is made.
        third: What the third column is.

    Raises:
        FileError: It is there, and is no such table, or cannot be made.
    """

    def __init__(self, path: Path, third: str) -> None:
        self._path, self._header = path, f"step,name,{third}\r\n"
        self._open: io.TextIOWrapper | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{path} cannot be made: {error}.") from error
        self._rows()

    def append(self, rows: Sequence[tuple[int | None, str, str | float]]) -> None:
        """Write rows of one step.

        Raises:
            FileError: They cannot be written.
        """
        lines = [Row(step, _cell(name), _line([step, name, value])) for step, name, value in rows]
        if not lines:
            return
        try:
            if self._open is None:
                self._begin(lines)
                self._open = self._path.open("a", encoding="utf-8", newline="")
            self._open.write("".join(row.line for row in lines))
            self._open.flush()
        except OSError as error:
            raise FileError(f"{self._path} cannot be written: {error}.") from error

    def close(self) -> None:
        """Let go of the file; what is written afterwards goes on with it as a new run's would."""
        if self._open is not None:
            self._open.close()
        self._open = None

    def _begin(self, first: Sequence[Row]) -> None:
        rows, step = self._rows(), first[0].step
        if rows and step == 0:
            self._path.rename(_free(self._path))
            rows = []
        write(self._path, self._header + "".join(row.line for row in rows if _stays(row, first)))

    def _rows(self) -> list[Row]:
        """The rows that are there and whole."""
        content = _content(self._path)
        if not content:
            return []
        heading = self._header.rstrip()
        if not content.startswith((heading + "\r\n", heading + "\n")):
            raise FileError(
                f"{self._path} is there already, and is no log: a log begins with {heading}. "
                "Give another path."
            )
        rows = list(_whole(content, content.index("\n") + 1))
        rest = content[content.index("\n") + 1 + sum(len(row.line) for row in rows) :]
        if rest.endswith("\n") and rest.count('"') % 2 == 0:  # a torn row is one, and has no end
            raise FileError(
                f"{self._path}: after row {len(rows):,} comes what is no row of {heading}: {shown(rest)}. "
                "Mend it, or give another path."
            )
        return rows


def _content(path: Path) -> str:
    """What a file holds; a character that a kill has cut stands there as half of one, in a torn row."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise FileError(f"{path} cannot be read: {error}.") from error


def _whole(content: str, at: int) -> Iterator[Row]:
    while found := ROW.match(content, at):
        yield Row(int(found[1]) if found[1] else None, found[2], found[0])
        at = found.end()


def _stays(row: Row, first: Sequence[Row]) -> bool:
    """Whether a row is none of those that are told again."""
    if row.step is None or first[0].step is None or row.step < first[0].step:
        return True
    return row.step == first[0].step and row.name not in {one.name for one in first}


def _free(path: Path) -> Path:
    """Where what is in the way goes: `log.1.csv` for `log.csv`."""
    number = 1
    while (free := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
        number += 1
    return free


def _line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(text: str) -> str:
    return _line([text, ""])[: -len(",\r\n")]
