"""Figures and the files that they go to."""

import sys
from pathlib import Path

import pytest

from paramgroups.errors import FileError, ParamGroupsError
from paramgroups.reporting.figure import MissingPackageError, checked_path, new_figure, write_figure


def test_its_size_is_as_asked() -> None:
    figure = new_figure(1300, 650)
    assert figure.get_size_inches() * figure.dpi == pytest.approx([1300, 650])


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r'pip install "paramgroups\[plot\]"') as raised:
        new_figure(100, 100)
    assert isinstance(raised.value, ParamGroupsError)


@pytest.mark.parametrize(
    ("name", "begin"),
    [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")],
    ids=["png", "svg", "pdf"],
)
def test_the_ending_says_what_is_written(name: str, begin: bytes, tmp_path: Path) -> None:
    path = checked_path(str(tmp_path / name))
    write_figure(new_figure(200, 100), path)
    assert path.read_bytes().startswith(begin)


@pytest.mark.parametrize("name", ["rates", "rates.jpg", "rates.png.txt", ".png"])
def test_another_ending_is_refused(name: str) -> None:
    with pytest.raises(FileError, match=r"none of \.png, \.svg, \.pdf"):
        checked_path(name)


@pytest.mark.parametrize("path", [7, b"rates.png", True], ids=["int", "bytes", "bool"])
def test_what_is_no_path_is_refused(path: object) -> None:
    with pytest.raises(FileError, match="is no path"):
        checked_path(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "nowhere" / "a.png", tmp_path / "folder.png", tmp_path / "a\0b.png"):
        with pytest.raises(FileError, match="cannot be written"):
            write_figure(new_figure(100, 100), path)
