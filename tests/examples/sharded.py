"""The sharded example as one of several processes runs it, and what it comes to."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import paramgroups as pg

SCRIPT = Path(__file__).parents[2] / "examples" / "distributed" / "train.py"


def script() -> ModuleType:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("sharded_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["sharded_example"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(path: Path, stop_after: int) -> list[str]:
    """Train from what is in the file; what it prints."""
    example = script()
    said: list[str] = []
    example.tell = lambda what: said.append(str(what))  # type: ignore[attr-defined]  # as the script calls it
    example.train(path, stop_after)
    return said


def weights(path: Path) -> dict[str, Any]:
    """All weights of a checkpoint."""
    model = script().Network()
    pg.load(path, model=model)
    found: dict[str, Any] = model.state_dict()
    return found
