"""What two journals do not share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from paramgroups.journal.event import Event

Sign = Literal["-", "+"]


@dataclass(frozen=True)
class JournalDiff:
    """The events of one journal alone, and of the other; false when there are none.

    Attributes:
        changes: `("-", event)` for an event of the first journal alone, `("+", event)` of the second, in the
            order of the journals. An event that is elsewhere in the order is in both.
    """

    changes: tuple[tuple[Sign, Event], ...] = ()

    @property
    def only_here(self) -> tuple[Event, ...]:
        """The events of the first journal alone."""
        return tuple(event for sign, event in self.changes if sign == "-")

    @property
    def only_there(self) -> tuple[Event, ...]:
        """The events of the second journal alone."""
        return tuple(event for sign, event in self.changes if sign == "+")

    @property
    def parts_at(self) -> float | None:
        """The first step at which they differ; None where they do not."""
        return min((event.step for _, event in self.changes), default=None)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        if self.parts_at is None:
            return "The journals are equal."
        lines = [f"{sign} {event}" for sign, event in self.changes]
        return "\n".join([f"The journals part at step {self.parts_at:,.15g}.", *lines])


def compare(here: Sequence[Event], there: Sequence[Event]) -> JournalDiff:
    """What two sequences of events do not share.

    The order is compared too, for a factor before a value is dropped by it, and one after it is not.
    """
    # The matcher's answer depends on which comes first, and ours must not.
    swapped = repr(there) < repr(here)
    first, second = (there, here) if swapped else (here, there)
    changes: list[tuple[Sign, Event]] = []
    for own, other in _unshared(first, second):
        ours, theirs = (other, own) if swapped else (own, other)
        changes += [("-", event) for event in ours]
        changes += [("+", event) for event in theirs]
    return JournalDiff(tuple(changes))


def _unshared(first: Sequence[Event], second: Sequence[Event]) -> Iterator[tuple[list[Event], list[Event]]]:
    """The stretches that are not the same in both."""
    matcher = SequenceMatcher(None, list(first), list(second), autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag != "equal":
            yield list(first[i:i_end]), list(second[j:j_end])
