"""The journal: every decision that was made while training, in the order in which they were made."""

import json
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import overload

from paramgroups.errors import CheckpointError, FileError, shown
from paramgroups.journal.diff import JournalDiff, compare
from paramgroups.journal.event import Event
from paramgroups.journal.files import read, write
from paramgroups.journal.plain import text

HEADINGS = ("step", "what", "how", "by", "of")


class Journal(Sequence[Event]):
    """The append-only list of events, in the order of decision.

    Steps may repeat, and fall where training jumped back. A journal never holds the schedule's own
    movement: with the plan, it gives the rates of the whole run again.

    Args:
        events: What it begins with.

    Raises:
        CheckpointError: One of them is no event.

    Example:
        >>> journal = Journal([Event(5, "scale", "scale", "lr", 0.5, 0.1, 0.05, ("head.weight",))])
        >>> print(journal)
        step  what           how    by     of
        5     lr 0.1 → 0.05  × 0.5  scale  "head.weight"
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events: list[Event] = []
        for event in _iterable(events):
            self.append(event)

    def append(self, event: Event) -> None:
        """Add a decision.

        Raises:
            CheckpointError: It is no event.
        """
        if not isinstance(event, Event):
            raise CheckpointError(
                f"{shown(event)} is no event. Write Event(step, cause, …); Event.read(data) reads plain data."
            )
        self._events.append(event)

    def about(self, name: str) -> "Journal":
        """The events that touch a parameter; none where it was never touched.

        Args:
            name: Its canonical name, as `pg.index` has it.

        Raises:
            CheckpointError: The name is no text.
        """
        wanted = text("name", name)
        return Journal(event for event in self if wanted in event.names)

    def diff(self, other: "Journal") -> JournalDiff:
        """What the two do not share; false when they are equal.

        Raises:
            CheckpointError: The other is no journal.

        Example:
            >>> event = Event(5, "set", "set", "lr", 0.5, 0.1, 0.5)
            >>> print(Journal([event]).diff(Journal()))
            The journals part at step 5.
            - step 5  lr 0.1 → 0.5  set
        """
        if not isinstance(other, Journal):
            raise CheckpointError(f"{shown(other)} is no journal. Journal.load(path) reads one from a file.")
        return compare(self, other)

    def to_json_lines(self) -> str:
        """One line of JSON for each event; `from_json_lines` gives an equal journal."""
        return "".join(json.dumps(event.data, allow_nan=False) + "\n" for event in self)

    @classmethod
    def from_json_lines(cls, lines: str) -> "Journal":
        """The journal that lines of JSON describe; empty ones are passed over.

        Raises:
            FileError: A line is no event; the message has its number. Where the last was not written to its
                end, it says so.
        """
        if not isinstance(lines, str):
            raise FileError(f"{shown(lines)} is no text. Give what to_json_lines() gave.")
        *whole, last = lines.split("\n")
        events = [_event(line, number) for number, line in enumerate(whole, 1) if line.strip()]
        if last.strip():
            events.append(_last_event(last, len(whole) + 1, len(events)))
        return cls(events)

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file as JSON lines: wholly, or not at all.

        Raises:
            FileError: The file cannot be written.
        """
        write(path, self.to_json_lines())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Journal":
        """Read what `save` wrote.

        Raises:
            FileError: The file cannot be read, or a line of it is no event.
        """
        lines = read(path)
        try:
            return cls.from_json_lines(lines)
        except FileError as error:
            raise FileError(f"{path}: {error}") from error

    @overload
    def __getitem__(self, place: int) -> Event: ...

    @overload
    def __getitem__(self, place: slice) -> "Journal": ...

    def __getitem__(self, place: int | slice) -> "Event | Journal":
        return Journal(self._events[place]) if isinstance(place, slice) else self._events[place]

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __eq__(self, other: object) -> bool:
        return self._events == other._events if isinstance(other, Journal) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it grows, as a list does

    def __copy__(self) -> "Journal":
        return Journal(self)

    def __repr__(self) -> str:
        return f"Journal({self._events!r})"

    def __str__(self) -> str:
        if not self._events:
            return "No events."
        rows = [HEADINGS, *(event.cells for event in self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """A row of the table; a column in which nothing stands but its heading stays."""
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _iterable(events: object) -> Iterable[Event]:
    if isinstance(events, Iterable) and not isinstance(events, str | bytes):
        return events
    raise CheckpointError(f"{shown(events)} is no list of events. Write Journal([event, …]).")


def _event(line: str, number: int) -> Event:
    try:
        return Event.read(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise FileError(f"Line {number} is no JSON: {error}. It begins: {shown(line)}.") from error
    except CheckpointError as error:
        raise FileError(f"Line {number}: {error}") from error


def _last_event(line: str, number: int, good: int) -> Event:
    """The event of a line without an end: writing may have been cut off within it."""
    try:
        return _event(line, number)
    except FileError as error:
        raise FileError(
            f"Line {number}, the last, is torn: it has no end. The {good} events before it are good:"
            f" remove the line to read them. {error}"
        ) from error
