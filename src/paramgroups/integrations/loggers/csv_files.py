"""A log in two files that every program reads: numbers in one, texts in the other."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from paramgroups.errors import FileError, shown
from paramgroups.integrations.loggers.tables import Table


class CSV:
    """Write numbers as rows `step,name,value` of a file, and texts as rows `step,name,text` of a second one.

    A row for each number, and not a column: names may come at any step, and nothing is ever rewritten for
    them. `pandas.read_csv(path).pivot_table("value", "step", "name")` makes columns of them. What is not
    finite is written as `nan`, `inf` and `-inf`.

    A run that goes on at a step after 0 goes on with the file, without what was told of later steps before
    it was cut off. One that begins at step 0 moves what is there aside: `log.csv` to `log.1.csv`.

    Args:
        path: The file of the numbers, such as `"runs/log.csv"`; the texts are beside it, in
            `"runs/log.texts.csv"`.

    Raises:
        FileError: It is no path, cannot be made, or is there already and is no such file.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> log = CSV(folder / "log.csv")
        >>> log.numbers({"lr/head": 0.1, "loss": float("nan")}, 0)
        >>> log.close()
        >>> print((folder / "log.csv").read_text())
        step,name,value
        0,lr/head,0.1
        0,loss,nan
        <BLANKLINE>
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        if not isinstance(path, str | PathLike) or not Path(path).name:
            raise FileError(f'{shown(path)} is no path of a file. Give one, such as "runs/log.csv".')
        numbers = Path(path)
        texts = numbers.with_name(f"{numbers.stem}.texts{numbers.suffix or '.csv'}")
        self._numbers, self._texts = Table(numbers, "value"), Table(texts, "text")

    def numbers(self, found: Mapping[str, float], step: int) -> None:
        """Append numbers.

        Raises:
            FileError: They cannot be written.
        """
        self._numbers.append([(step, name, float(value)) for name, value in found.items()])

    def text(self, name: str, text: str, step: int | None) -> None:
        """Append a text.

        Raises:
            FileError: It cannot be written.
        """
        self._texts.append([(step, name, text)])

    def close(self) -> None:
        """Close both files."""
        self._numbers.close()
        self._texts.close()
