import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from paramgroups.errors import CheckpointError, FileError
from paramgroups.journal import Event, Journal
from tests.journal.strategies import JOURNALS

SET = Event(5, "set", "set", "lr", 0.1, 0.2, 0.1, ("head.weight",))
HALF = Event(8120, 'plateau("head", "loss")', "scale", "lr", 0.5, 0.1, 0.05, ("head.weight", "head.bias"))


def test_it_is_a_sequence_in_order_of_decision() -> None:
    journal = Journal([HALF])
    journal.append(SET)
    assert list(journal) == [HALF, SET]
    assert len(journal) == 2
    assert journal[1] is SET
    assert journal[:1] == Journal([HALF])
    assert SET in journal
    assert journal != Journal([SET, HALF])
    assert journal != [HALF, SET]
    assert not Journal()


def test_what_is_no_event_is_refused_and_nothing_is_added() -> None:
    journal = Journal([SET])
    with pytest.raises(CheckpointError, match=r"is no event\. Write Event"):
        journal.append(SET.data)  # type: ignore[arg-type]  # the mistake
    for wrong in (3, "events", None):
        with pytest.raises(CheckpointError, match=r"is no list of events\. Write Journal"):
            Journal(wrong)  # type: ignore[arg-type]  # the mistake
    assert list(journal) == [SET]


def test_a_repr_pastes_back() -> None:
    assert eval(repr(Journal([SET, HALF]))) == Journal([SET, HALF])  # noqa: S307  # our own text


def test_it_prints_as_a_table() -> None:
    assert str(Journal()) == "No events."
    assert str(Journal([SET, HALF])).splitlines() == [
        "step   what           how    by                       of",
        '5      lr 0.2 → 0.1          set                      "head.weight"',
        '8,120  lr 0.1 → 0.05  × 0.5  plateau("head", "loss")  2 parameters, such as "head.weight"',
    ]


def test_copies_go_their_own_way() -> None:
    journal = Journal([SET])
    twins = [copy.copy(journal), copy.deepcopy(journal), pickle.loads(pickle.dumps(journal))]  # noqa: S301  # our own bytes
    journal.append(HALF)
    assert twins == [Journal([SET])] * 3


def test_about_a_parameter() -> None:
    journal = Journal([SET, HALF])
    assert journal.about("head.bias") == Journal([HALF])
    assert journal.about("head") == Journal()
    with pytest.raises(CheckpointError, match="name=3 is no text"):
        journal.about(3)  # type: ignore[arg-type]  # the mistake


@given(JOURNALS)
def test_json_lines_give_an_equal_journal(journal: Journal) -> None:
    lines = journal.to_json_lines()
    assert lines.count("\n") == len(journal)
    assert Journal.from_json_lines(lines) == journal
    assert Journal.from_json_lines(lines.replace("\n", "\r\n\r\n")) == journal


@given(JOURNALS)
def test_wherever_writing_was_cut_off_reading_says_so_or_gives_what_is_whole(journal: Journal) -> None:
    lines = journal.to_json_lines()
    for end in range(0, len(lines), 7):
        good = lines[:end].count("\n")
        try:
            read = Journal.from_json_lines(lines[:end])
        except FileError as error:
            assert f"Line {good + 1}, the last, is torn" in str(error)  # noqa: PT017  # in a loop over all cuts
            assert f"The {good} events before it are good" in str(error)  # noqa: PT017
        else:
            assert read == journal[: len(read)]
            assert len(read) - good in (0, 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{oh", r"Line 2 is no JSON: .* It begins: '\{oh'"),
        ("[]", r"Line 2: \[\] is no event"),
        ("{}", r"Line 2: The event lacks step"),
        ("[" * 100_000, r"Line 2 is no JSON"),
        ("1" * 5000, r"Line 2 is no JSON"),
        (
            '{"step": NaN, "cause": "a", "action": "set", "hyper": "lr", "value": 1, "old": 1, "new": 1}',
            "nan",
        ),
    ],
    ids=["no json", "list", "empty", "deep", "huge", "nan"],
)
def test_a_bad_line_is_named_by_its_number(line: str, message: str) -> None:
    whole = Journal([SET]).to_json_lines()
    with pytest.raises(FileError, match=message):
        Journal.from_json_lines(f"{whole}{line}\n{whole}")


def test_lines_are_text() -> None:
    with pytest.raises(FileError, match=r"b'' is no text"):
        Journal.from_json_lines(b"")  # type: ignore[arg-type]  # the mistake


def test_a_file_gives_it_back(tmp_path: Path) -> None:
    journal = Journal([SET, HALF])
    journal.save(tmp_path / "journal.jsonl")
    assert Journal.load(str(tmp_path / "journal.jsonl")) == journal
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


def test_a_torn_file_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(Journal([SET, HALF]).to_json_lines()[:-9])
    with pytest.raises(FileError, match=r"journal\.jsonl: Line 2, the last, is torn.*The 1 events? before"):
        Journal.load(path)


@pytest.mark.parametrize("other", [None, [SET], "journal.jsonl"], ids=["none", "list", "path"])
def test_it_is_compared_with_journals_alone(other: Any) -> None:
    with pytest.raises(CheckpointError, match=r"is no journal\. Journal\.load\(path\)"):
        Journal().diff(other)
