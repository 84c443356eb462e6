"""The Triton backend, run by Triton's interpreter in a process of its own, and on a GPU if there is one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

CASES = [str(Path(__file__).with_name(name)) for name in ("gpu_cases.py", "gated_cases.py")]
ROOT = Path(__file__).parents[3]


def run(**environment: str) -> None:
    """Run the cases; Triton decides when it is imported who runs its functions, for good."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *CASES]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "TRITON_"))}
    done = subprocess.run(  # noqa: S603 - the command is ours
        command, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_computes_under_the_interpreter() -> None:
    run(TRITON_INTERPRET="1")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_what_it_computes_on_a_gpu() -> None:
    run()
