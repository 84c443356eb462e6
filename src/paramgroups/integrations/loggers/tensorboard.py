"""A log in TensorBoard's event files, by torch's own writer."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from textwrap import indent
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter

from paramgroups.errors import HostError, shown


class TensorBoard:
    """Write numbers as scalars and texts as texts of TensorBoard; a name's part before `/` is its section.

    A run that goes on in the folder of one that was cut off hides what that one told of later steps.

    Args:
        where: A folder, or a `SummaryWriter` of yours, which stays open when this is closed.

    Raises:
        HostError: It is neither.

    Example:
        >>> import tempfile
        >>> log = TensorBoard(tempfile.mkdtemp())
        >>> log.numbers({"lr/head": 0.1}, 0)
        >>> log.close()
    """

    def __init__(self, where: SummaryWriter | str | PathLike[str]) -> None:
        if not isinstance(where, SummaryWriter | str | PathLike) or where == "":
            raise HostError(
                f"TensorBoard({shown(where)}): give a folder, or a torch.utils.tensorboard.SummaryWriter."
            )
        self._folder = None if isinstance(where, SummaryWriter) else Path(where)
        self._writer: Any = where if self._folder is None else None

    def numbers(self, found: Mapping[str, float], step: int) -> None:
        """Write a scalar for each number, all of them as one event: `add_scalar` makes one of each."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in found.items()]
        writer = self._opened(step)._get_file_writer()  # noqa: SLF001  # torch has no other way to several at once
        writer.add_summary(Summary(value=values), step)

    def text(self, name: str, text: str, step: int | None) -> None:
        """Write a text. TensorBoard reads Markdown: four spaces before each line keep it as it is."""
        self._opened(step).add_text(name, indent(text, "    ", lambda _: True), step)

    def close(self) -> None:
        """Write what waits; close the writer unless it was given."""
        if self._writer is None:
            return
        self._writer.flush()
        if self._folder is not None:
            self._writer.close()
            self._writer = None

    def _opened(self, step: int | None) -> Any:
        """The writer; of a run that goes on, one that hides what comes after its first step."""
        if self._writer is None:
            self._writer = SummaryWriter(str(self._folder), purge_step=step + 1 if step else None)
        return self._writer
