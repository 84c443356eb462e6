"""A process that is killed in mid-step ends the others in bounded time, and the run goes on from its save."""

import subprocess
import sys
from pathlib import Path

import torch

from tests.run.distributed.training import same

ROOT = Path(__file__).parents[3]
RANKS = 2
BOUND = 180
"""Seconds, within which all have ended: starting takes most of them on a busy machine."""
NEVER = -1


def run(*runs: tuple[Path, int]) -> list[list[tuple[int, str]]]:
    """How each process of each run has ended, all of them at once: its code, and what it said."""
    module = "tests.run.distributed.killed"
    started = [
        [
            subprocess.Popen(  # noqa: S603  # our own
                [sys.executable, "-m", module, str(rank), str(RANKS), str(folder), str(kill_at)],
                cwd=ROOT,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(RANKS)
        ]
        for folder, kill_at in runs
    ]
    try:
        return [[_end_of(one) for one in processes] for processes in started]
    finally:
        for one in (one for processes in started for one in processes):
            one.kill()
            one.wait()


def _end_of(process: "subprocess.Popen[str]") -> tuple[int, str]:
    said = process.communicate(timeout=BOUND)[1]
    return process.returncode, said


def test_the_others_end_with_a_word_and_the_run_goes_on_from_its_last_save(tmp_path: Path) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    for folder in (broken, whole):
        folder.mkdir()
    (((code, said), (gone, _)),) = run((broken, 7))
    assert gone == -9
    assert code == 1
    assert "AgreementError: At scheduler.observe(loss) of tick 8 the other processes did not answer" in said
    assert torch.load(broken / "last.pt")[0] == 6
    resumed, unbroken = run((broken, NEVER), (whole, NEVER))
    assert [code for code, _ in unbroken + resumed] == [0, 0, 0, 0]
    for rank in range(RANKS):
        assert same(*(torch.load(folder / f"end {rank}.pt") for folder in (broken, whole)))
