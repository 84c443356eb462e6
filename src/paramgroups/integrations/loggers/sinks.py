"""A log that may fail while training runs: the training goes on, and what was not written is told."""

import warnings
from collections.abc import Callable, Mapping

from paramgroups.errors import HostError
from paramgroups.integrations.hosts import cause
from paramgroups.integrations.loggers.protocol import Log
from paramgroups.journal import Journal


class Sink:
    """Writes to a log. Its first failure is an error, since nothing is lost yet; a later one is a warning.

    Args:
        log: The log.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._name = type(log).__name__
        self._lost = 0
        self._events = 0

    def begin(self, texts: Mapping[str, str], step: int, told: int) -> None:
        """Write the first texts.

        Args:
            texts: By name.
            step: The tick.
            told: How many events are written already.

        Raises:
            HostError: The log does not take them.
        """
        self._events = told
        try:
            for name, text in texts.items():
                self._log.text(name, encoded(text), step)
        except Exception as error:
            raise HostError(f"{self._name} cannot be written to. {cause(error)}") from error

    def numbers(self, found: Mapping[str, float], step: int) -> None:
        """Write numbers, if it can."""
        clean = {encoded(name): value for name, value in found.items()}
        self._try(lambda: self._log.numbers(clean, step))

    def text(self, name: str, text: str, step: int) -> bool:
        """Write a text, and tell whether it was written."""
        return self._try(lambda: self._log.text(name, encoded(text), step))

    def events(self, journal: Journal, step: int) -> None:
        """Write those events that were not written yet; what fails is tried again at the next step."""
        self._events = min(self._events, len(journal))
        if new := "\n".join(map(str, journal[self._events :])):
            self._events = len(journal) if self.text("events", new, step) else self._events

    def close(self) -> None:
        """Close the log, and tell what was lost."""
        self._try(self._log.close)
        if self._lost > 1:
            warnings.warn(f"{self._name} did not take {self._lost:,} records.", UserWarning, stacklevel=3)

    def _try(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except Exception as error:  # noqa: BLE001  # a disk is full, a server is away: no reason to lose a run
            self._lost += 1
            if self._lost == 1:
                warnings.warn(self._told(error), UserWarning, stacklevel=4)
            return False
        return True

    def _told(self, error: Exception) -> str:
        return (
            f"{self._name} could not be written to, and training goes on; it is tried again at each record. "
            f"Rates and events are in the scheduler's journal too. {cause(error)}"
        )


def encoded(text: str) -> str:
    """A text that any file takes: half a surrogate pair is told by its number."""
    return text.encode("utf-8", "backslashreplace").decode()
