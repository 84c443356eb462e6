"""`paramgroups audit`: what it prints, and how it ends."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run

SETUPS = """
import torch
from torch import nn


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def sound():
    print("getting ready")
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return model, optimizer


def scheduled():
    model, optimizer = sound()
    return model, optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)


def forgetful():
    model = net()
    return {"model": model, "optimizer": torch.optim.SGD(model[2].parameters(), lr=0.1)}


def advised():
    model, optimizer = sound()
    model[0].requires_grad_(False)
    return model, optimizer


def misspelt():
    return {"model": net(), "optimiser": None}


def number():
    return 3


def broken():
    raise RuntimeError("no such data set")


def wants(width):
    return width


value = 3
"""
SILENCE = """
[[tool.paramgroups.audit.silence]]
code = "PG101"
reason = "stepped by hand"
"""


@pytest.fixture
def setups(here: Path) -> Iterator[Path]:
    (here / "training.py").write_text(SETUPS)
    yield here
    sys.modules.pop("training", None)


@pytest.mark.usefixtures("setups")
def test_a_sound_set_up_ends_with_0(run: Run) -> None:
    result = run("audit", "training:sound")
    assert result.stdout == "Sequential, 4 parameters in 1 group of SGD: nothing found\n"
    assert "getting ready" in result.stderr
    assert result.exit_code == 0


@pytest.mark.usefixtures("setups")
def test_findings_end_with_1(run: Run) -> None:
    result = run("audit", "training:forgetful")
    assert "error PG101: 2 of 4 trainable parameters are in no group: 0.weight, 0.bias." in result.stdout
    assert result.exit_code == 1


@pytest.mark.usefixtures("setups")
@pytest.mark.parametrize(("level", "ends"), [("advice", 1), ("warning", 0), ("error", 0)])
def test_a_level_leaves_lighter_findings_out(run: Run, level: str, ends: int) -> None:
    assert run("audit", "training:advised", "--level", level).exit_code == ends


@pytest.mark.usefixtures("setups")
def test_json_and_sarif(run: Run) -> None:
    data = json.loads(run("audit", "training:forgetful", "--format", "json").stdout)
    assert [one["code"] for one in data["findings"]] == ["PG101"]
    sarif = json.loads(run("audit", "training:forgetful", "--format", "sarif").stdout)
    place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "training.py"


def test_the_project_s_silences_are_taken_and_others_on_asking(run: Run, setups: Path) -> None:
    (setups / "pyproject.toml").write_text(SILENCE)
    result = run("audit", "training:forgetful")
    assert result.exit_code == 0
    assert "silenced PG101: stepped by hand" in result.stdout
    (setups / "none.toml").write_text("")
    assert run("audit", "training:forgetful", "--silence", "none.toml").exit_code == 1


@pytest.mark.usefixtures("setups")
@pytest.mark.parametrize(
    ("factory", "told"),
    [
        ("training:number", "returned 3, not what is audited"),
        ("training:misspelt", 'returned "optimiser", which is unknown. Nearest: "optimizer"'),
        ("training:broken", '"training:broken" fails. RuntimeError: no such data set'),
        ("training:wants", "is called without arguments"),
        ("training:value", "is int, no function"),
        ("training:soud", 'Nearest: "sound"'),
        ("trainig:sound", 'there is no module "trainig"'),
        ("training", "names no function"),
    ],
)
def test_bad_input_ends_with_2(run: Run, factory: str, told: str) -> None:
    result = run("audit", factory)
    assert told in result.stderr
    assert result.exit_code == 2
