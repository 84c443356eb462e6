"""The sharded example: stopped on two processes, it goes on with four as if nothing had happened."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.examples.sharded import SCRIPT, run, weights
from tests.run.distributed.processes import found_by

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled, unavailable or uninit")

STOPPED, STEPS = 25, 60
COMMAND = "torchrun --nproc-per-node"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sharded")


@pytest.fixture(scope="module")
def stopped(folder: Path) -> str:
    """What the command prints with two processes, until it is stopped."""
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT)]
    asked = ["--checkpoint", str(folder / "stopped"), "--stop-after", str(STOPPED)]
    done = subprocess.run(  # noqa: S603  # a file of this repository
        [sys.executable, *command, *asked], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def gone_on(folder: Path, stopped: str) -> list[list[str]]:  # noqa: ARG001  # before it
    """What four processes say that go on."""
    return on(4, folder / "four", folder / "stopped")


@pytest.fixture(scope="module")
def unbroken(folder: Path) -> list[list[str]]:
    """What two processes say that are not stopped."""
    return on(2, folder / "two", folder / "unbroken")


def on(ranks: int, meeting: Path, checkpoint: Path) -> list[Any]:
    meeting.mkdir()
    return found_by({"run": partial(run, checkpoint, STEPS)}, meeting, ranks)["run"]


def test_two_processes_stop_and_four_go_on(stopped: str, gone_on: list[list[str]]) -> None:
    assert stopped.splitlines()[0] == "2 processes, from step 0"
    assert stopped.splitlines()[1].startswith(f"step {STOPPED}: loss ")
    assert [said[0] for said in gone_on] == [f"4 processes, from step {STOPPED}"] * 4


def test_it_ends_as_a_run_that_was_not_stopped(
    folder: Path, gone_on: list[list[str]], unbroken: list[list[str]]
) -> None:
    assert {said[-1] for said in gone_on} == {said[-1] for said in unbroken}
    here, there = (weights(folder / name) for name in ("stopped", "unbroken"))
    assert here.keys() == there.keys()
    for name, found in here.items():
        torch.testing.assert_close(found, there[name], rtol=1e-3, atol=1e-4)


def test_it_learns(unbroken: list[list[str]]) -> None:
    assert float(unbroken[0][-1].split("accuracy ")[1].split()[0]) > 0.9


def test_the_readme_and_the_script_tell_the_command() -> None:
    readme = (SCRIPT.parents[1] / "README.md").read_text()
    for text in (readme, SCRIPT.read_text()):
        for count in (2, 4):
            assert f"{COMMAND} {count} examples/distributed/train.py" in text
