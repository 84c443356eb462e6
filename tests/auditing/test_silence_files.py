"""Silences in TOML files."""

from pathlib import Path

import pytest
import torch

import paramgroups as pg
from paramgroups.auditing.silence_files import read_silences
from paramgroups.errors import FileError
from tests.auditing.setups import small

GOOD = """
[project]
name = "x"
[[tool.paramgroups.audit.silence]]
code = "PG101"
selector = "0 | 1"
reason = "frozen elsewhere"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_project_lists_its_silences(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    model = small()
    found = pg.audit(model, torch.optim.SGD(model[3].parameters(), lr=0.1), silence=path)
    assert not found.findings
    assert [str(one.silence) for one in found.silenced] == ['PG101 on "0 | 1": frozen elsewhere']


@pytest.mark.parametrize("text", ["", "[tool.ruff]\nx = 1", "tool = 3"], ids=["empty", "other", "odd"])
def test_a_project_without_silences_has_none(tmp_path: Path, text: str) -> None:
    assert read_silences(written(tmp_path, text)) == ()


TABLE = "[[tool.paramgroups.audit.silence]]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TABLE + 'code = "PG101"\nreson = "x"', 'silence 1: a silence has no "reson". Nearest: "reason"'),
        (TABLE + 'reason = "x"', "silence 1 gives no code"),
        (TABLE + 'code = "PG101"', "silence 1 gives no reason"),
        (TABLE + 'code = "PG101"\nreason = ""', "silence 1: The silence of PG101 gives no reason"),
        (TABLE + 'code = "PG101"\nselector = "a..b"\nreason = "x"', "silence 1: "),
        ('[tool.paramgroups.audit]\nsilence = "PG101"', "Write each as a table of a list"),
        ("[tool.paramgroups.audit]\nsilence = [3]", "silence 1: 3 is no table"),
        ("= 3", "is not TOML"),
    ],
    ids=["unknown", "no code", "no reason", "empty", "selector", "no list", "no table", "no toml"],
)
def test_what_is_no_silence_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FileError, match="pyproject") as caught:
        read_silences(written(tmp_path, text))
    assert told in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_silences(tmp_path / "none.toml")
