"""How a command ends."""

import io
import sys

import pytest
import typer

from paramgroups.cli.outcome import reported, write
from paramgroups.errors import FileError, ParamGroupsError, PlanError


@pytest.mark.parametrize("kind", [ParamGroupsError, FileError, PlanError])
def test_a_mistake_is_one_message_and_2(
    kind: type[ParamGroupsError], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as end, reported():
        raise kind("what was asked.\n  The fix.")
    assert end.value.exit_code == 2
    assert capsys.readouterr() == ("", "Error: what was asked.\n  The fix.\n")


def test_an_interrupt_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end, reported():
        raise KeyboardInterrupt
    assert end.value.exit_code == 130
    assert capsys.readouterr() == ("", "")


def test_our_own_bugs_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), reported():
        raise ZeroDivisionError


def test_what_stdout_cannot_spell_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    write("0.3 × 0.1")
    assert raw.getvalue() == b"0.3 ? 0.1\n"
