"""A table in a file survives kills, odd names and runs that go on."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramgroups.errors import FileError
from paramgroups.integrations.loggers.tables import Table


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def told(path: Path, *each: tuple[int | None, str, str | float]) -> None:
    table = Table(path, "value")
    for row in each:
        table.append([row])
    table.close()


def test_rows_stand_under_a_heading_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "log.csv"
    table = Table(path, "value")
    assert not path.exists()
    table.append([(0, "a", 1.5), (0, "b", float("nan"))])
    table.append([])
    assert rows(path) == [["step", "name", "value"], ["0", "a", "1.5"], ["0", "b", "nan"]]
    table.close()


def test_a_run_that_goes_on_replaces_what_it_tells_again(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    told(path, *((step, name, step) for step in range(6) for name in "ab"))
    told(path, (3, "a", 30.0), (4, "a", 40.0))
    assert rows(path)[1:] == [
        *([str(step), name, str(step)] for step in range(3) for name in "ab"),
        ["3", "b", "3"],  # what it does not tell again stays
        ["3", "a", "30.0"],
        ["4", "a", "40.0"],
    ]


def test_what_is_of_the_whole_run_stays(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    told(path, (None, "plan", "words"), (5, "a", 1.0))
    told(path, (4, "a", 2.0))
    assert rows(path)[1:] == [["", "plan", "words"], ["4", "a", "2.0"]]
    told(path, (None, "plan", "others"))
    assert len(rows(path)) == 4


def test_a_run_that_begins_moves_what_is_there_aside(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for run in range(3):
        told(path, (0, "run", run))
    assert [rows(each)[1][2] for each in (tmp_path / "log.1.csv", tmp_path / "log.2.csv", path)] == [
        "0",
        "1",
        "2",
    ]


def test_a_heading_alone_is_no_run_to_keep(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,name,value\n")
    told(path, (0, "a", 1.0))
    assert [each.name for each in tmp_path.iterdir()] == ["log.csv"]
    assert rows(path) == [["step", "name", "value"], ["0", "a", "1.0"]]


WORDS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(name=WORDS, cut=st.integers(1, 200), text=WORDS)
@settings(max_examples=60, deadline=None)
def test_a_kill_within_a_row_loses_that_row_alone(
    tmp_path_factory: pytest.TempPathFactory, name: str, cut: int, text: str
) -> None:
    path = tmp_path_factory.mktemp("kill") / "log.csv"
    told(path, (0, name, text), (1, name, text))
    whole = path.read_bytes()
    told(path, (2, name, text))
    last = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + last[: max(len(last) - cut, 0)])
    told(path, (2, name, text))
    assert rows(path)[1:] == [[str(step), name, text] for step in range(3)]


def test_what_is_no_table_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n1,2\n")
    with pytest.raises(FileError, match="is there already, and is no log: a log begins with step,name,value"):
        Table(path, "value")
    assert path.read_text() == "epoch,loss\n1,2\n"


def test_a_row_of_another_kind_is_told_and_nothing_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    content = "step,name,value\n0,a,1\n1,a,1,more\n2,a,1\n"
    path.write_text(content)
    with pytest.raises(FileError, match=r"after row 1 comes what is no row of step,name,value: '1,a,1,more"):
        Table(path, "value")
    assert path.read_text() == content


def test_a_file_that_a_spreadsheet_saved_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,name,value\n0,a,1\n1,a,2\n")
    told(path, (2, "a", 3))
    assert [row[2] for row in rows(path)[1:]] == ["1", "2", "3"]


def test_texts_of_any_length_are_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    long = 'a line, and "quotes"\n' * 20_000
    told(path, (0, "plan", long))
    told(path, (1, "more", "x"))
    csv.field_size_limit(len(long) + 1)
    try:
        assert rows(path)[1:] == [["0", "plan", long], ["1", "more", "x"]]
    finally:
        csv.field_size_limit(131_072)


def test_a_folder_that_is_a_file_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be made"):
        Table(tmp_path / "file" / "log.csv", "value")
    with pytest.raises(FileError, match="cannot be read"):
        Table(tmp_path, "value")
