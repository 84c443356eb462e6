"""A run is killed at fifty random moments, and loses nothing but the steps since its last save."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="lives are forked")
def test_a_run_that_is_killed_again_and_again_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.run.killing", str(tmp_path), str(KILLS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603  # our own
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["same"]
    assert found["journal"]
    assert found["events"] > 10
    assert found["lost"] == 0
    assert found["steps in killed lives"] > 20
    assert found["cut off in a save"] > 0
    assert found["files"] == ["last.safetensors"]
