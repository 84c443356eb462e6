from pathlib import Path
from typing import Any

import pytest

from paramgroups.errors import FileError
from paramgroups.journal.files import read, write


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write(path, "first\n")
    with pytest.raises(FileError, match=r"a\.txt cannot be written: .*surrogates"):
        write(path, "second \ud800")
    assert read(path) == "first\n"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_is_readable_as_any_other(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "a")
    (tmp_path / "b.txt").write_text("b")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


@pytest.mark.parametrize("path", [3, None, b"x", "", "."], ids=repr)
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(FileError, match=r"is no path of a file\. Give one"):
        write(path, "")


def test_what_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written"):
        write(tmp_path / "no" / "a.txt", "")
    with pytest.raises(FileError, match="cannot be read"):
        read(tmp_path / "a.txt")
    with pytest.raises(FileError, match="cannot be read"):
        read("a\0b")
    with pytest.raises(FileError, match="cannot be written"):
        write("a\0b", "")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="is no text in UTF-8"):
        read(tmp_path / "a.txt")
