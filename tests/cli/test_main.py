"""The command line as a whole: help, version, wrong calls, and real processes."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paramgroups import __version__
from tests.cli.conftest import Run

HEAVY = ("torch", "numpy", "timm", "transformers")
SCRIPT = Path(sys.executable).with_name("paramgroups")
TUNE = ("--recipe", "tune.toml", "--steps", "100")


def start(*words: str | Path, **streams: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(words, text=True, **streams)  # noqa: S603  # our own command


def ended(*words: str | Path) -> tuple[int, str, str]:
    with start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate()
    return process.returncode, out, err


def test_help_names_the_commands_the_models_and_the_exit_codes(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    for word in (
        "plan",
        "explain",
        "plot",
        "demo",
        "package.module:factory",
        "timm:NAME",
        "transformers:CONFIG_DIR_OR_CLASS",
    ):
        assert word in result.stdout
    assert "1    there are findings" in result.stdout


@pytest.mark.parametrize("words", [(), ("plan",), ("explain",), ("plot",), ("demo",)])
def test_help_fits_80_columns_without_cutting_a_sentence(run: Run, words: tuple[str, ...]) -> None:
    text = run(*words, "--help").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in text.replace("[ARGS]...", "")


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"paramgroups {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [["--help"], *([word, "--help"] for word in ("plan", "explain", "plot", "demo")), ["--version"]],
)
def test_help_and_version_load_nothing_heavy(words: list[str]) -> None:
    code = f"""
import sys
from paramgroups.cli.main import app
try:
    app({words!r})
except SystemExit as end:
    assert end.code == 0
print("loaded:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    assert ended(sys.executable, "-c", code)[1].endswith("loaded: []\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Usage"),
        (("plam",), "Did you mean 'plan'"),
        (("plan",), "MODEL"),
        (("plan", "zoo:make_net"), "--recipe"),
        (("plan", "zoo:make_net", *TUNE, "--format", "yaml"), "yaml"),
        (("plan", "zoo:make_net", *TUNE, "--at", "-1"), "'--at'"),
        (("plan", "zoo:make_net", "-r", "tune.toml", "--steps", "0"), "'--steps'"),
        (("plan", "zoo:make_net", *TUNE, "--format", "toml", "--at", "3"), "Leave --at out"),
        (("explain", "zoo:make_net", *TUNE), "PARAM"),
        (("plot", "zoo:make_net"), "--recipe"),
    ],
)
def test_a_wrong_call_ends_with_2(run: Run, words: tuple[str, ...], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output
    assert "╭" not in result.output


def test_an_interrupt_ends_with_130(run: Run) -> None:
    result = run("plan", "zoo:make_interrupt", *TUNE)
    assert (result.exit_code, result.output) == (130, "")


@pytest.mark.usefixtures("here")
def test_the_console_script_is_the_command() -> None:
    code, out, err = ended(SCRIPT, "plan", "zoo:make_net", *TUNE, "--format", "json")
    assert len(json.loads(out)["groups"]) == 4
    assert (code, err) == (0, "making a net\n")


def test_a_reader_that_leaves_is_no_error(here: Path) -> None:
    (here / "all.toml").write_text('optimizer = "sgd"\nlr = 0.1\n')
    command = f"{sys.executable} -m paramgroups plan zoo:make_long -r all.toml -f json"
    assert ended("/bin/bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}") == (1, "{\n", "")


def test_ctrl_c_ends_with_130_and_says_nothing(here: Path) -> None:
    slow = (
        'import sys, time\ndef make():\n    print("ready", file=sys.stderr, flush=True)\n    time.sleep(60)\n'
    )
    (here / "slow.py").write_text(slow)
    # Where the tests run in the background the signal is ignored, and a child inherits that.
    heard = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('paramgroups', run_name='__main__')"
    )
    words = ["-c", heard, "plan", "slow:make", *TUNE]
    with start(sys.executable, *words, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
    assert process.returncode == 130


@pytest.mark.usefixtures("here")
def test_a_terminal_gets_colours_and_its_own_width() -> None:
    reader, writer = pty.openpty()
    env = os.environ | {"COLUMNS": "72", "TERM": "xterm", "NO_COLOR": ""}
    words = ["-m", "paramgroups", "plan", "zoo:make_net", *TUNE]
    with start(sys.executable, *words, stdout=writer, env=env) as process:
        os.close(writer)
        shown = b""
        while part := read(reader):
            shown += part
    os.close(reader)
    assert process.returncode == 0
    assert "\x1b[1m" in shown.decode()
    assert "Schedule of all: cosine()." in shown.decode()


def read(reader: int) -> bytes:
    try:
        return os.read(reader, 4096)
    except OSError:  # Linux says so where the other end is closed
        return b""
