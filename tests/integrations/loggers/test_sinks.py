"""A log that fails in mid-run costs what it did not take, and never the training."""

import errno
from collections.abc import Mapping

import pytest

from paramgroups.errors import HostError
from paramgroups.integrations.loggers import Memory
from paramgroups.integrations.loggers.sinks import Sink, encoded
from paramgroups.journal import Event, Journal


class Failing(Memory):
    """A log on a disk that is full now and then."""

    full = False

    def numbers(self, found: Mapping[str, float], step: int) -> None:
        self._check()
        super().numbers(found, step)

    def text(self, name: str, text: str, step: int | None) -> None:
        self._check()
        super().text(name, text, step)

    def _check(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")


def event(step: int) -> Event:
    return Event(step, "scale", "scale", "lr", 0.5, 0.1, 0.05, ("head.weight",))


def test_the_first_failure_is_an_error() -> None:
    log = Failing()
    log.full = True
    with pytest.raises(HostError, match=r"Failing cannot be written to. OSError: .*No space left on device"):
        Sink(log).begin({"plan": "words"}, 0, 0)


def test_a_later_failure_is_told_once_and_the_log_is_tried_again() -> None:
    log = Failing()
    sink = Sink(log)
    sink.begin({"plan": "words"}, 0, 0)
    log.full = True
    with pytest.warns(UserWarning, match="Failing could not be written to, and training goes on.*No space"):
        sink.numbers({"a": 1.0}, 1)
    sink.numbers({"a": 2.0}, 2)
    log.full = False
    sink.numbers({"a": 3.0}, 3)
    assert log.series("a") == {3: 3.0}
    with pytest.warns(UserWarning, match="Failing did not take 2 records"):
        sink.close()


def test_an_event_that_was_not_taken_is_told_at_the_next_step() -> None:
    log = Failing()
    sink, journal = Sink(log), Journal([event(1), event(2)])
    sink.begin({}, 2, 1)
    log.full = True
    with pytest.warns(UserWarning, match="could not be written to"):
        sink.events(journal, 3)
    log.full = False
    journal.append(event(3))
    sink.events(journal, 4)
    sink.events(journal, 5)
    assert log.texts == [(4, "events", f"{event(2)}\n{event(3)}")]


def test_a_journal_that_has_gone_back_is_gone_on_with() -> None:
    log, sink = Memory(), None
    sink = Sink(log)
    sink.events(Journal([event(1), event(2)]), 2)
    sink.events(Journal([event(1)]), 1)
    sink.events(Journal([event(1), event(5)]), 5)
    assert log.texts[1:] == [(5, "events", str(event(5)))]


def test_an_interrupt_goes_through() -> None:
    class Interrupted(Memory):
        def close(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Sink(Interrupted()).close()


def test_half_of_a_character_is_told_by_its_number() -> None:
    assert encoded("a\ud800b") == "a\\ud800b"
    assert encoded("größe 😀") == "größe 😀"
    log = Memory()
    Sink(log).numbers({"\ud800": 1.0}, 0)
    assert log.rows == [(0, "\\ud800", 1.0)]
