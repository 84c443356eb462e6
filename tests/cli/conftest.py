"""A folder as a user has it: a module with models, a recipe, and the command line run there."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from paramgroups.cli.main import app

ZOO = """
import sys

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 8)
        self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 2)


def make_net():
    print("making a net")
    return Net()


def make_long():
    return nn.ModuleList(nn.Linear(2, 2) for _ in range(3000))


def make_number():
    return 7


def make_with(width):
    return nn.Linear(width, width)


def make_error():
    raise RuntimeError("no such dataset")


def make_exit():
    sys.exit(3)


def make_interrupt():
    raise KeyboardInterrupt


class shelf:
    net = Net


ready = Net()
number = 7
"""
RECIPE = """
optimizer = "adamw"
lr = 0.001
weight_decay = 0.1
schedule = { use = "cosine" }

[[rules]]
select = ":norm | :bias"
weight_decay = 0.0

[[rules]]
select = "head"
lr_scale = 10

[[rules]]
select = "stem"
trainable = false
"""
Run = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory, with `zoo.py` and `tune.toml`."""
    (tmp_path / "zoo.py").write_text(ZOO)
    (tmp_path / "tune.toml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("zoo", None)


@pytest.fixture
def run(here: Path) -> Run:
    """Run the command line in this process; what is no ordinary end is raised."""
    assert here.is_dir()

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), catch_exceptions=False)

    return invoke
