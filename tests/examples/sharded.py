"""The sharded example as one of several processes runs it, and what it comes to."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torch.distributed.checkpoint.state_dict import get_model_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as read

SCRIPT = Path(__file__).parents[2] / "examples" / "distributed" / "train.py"


def script() -> ModuleType:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("sharded_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["sharded_example"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(folder: Path, stop_after: int) -> list[str]:
    """Train from what is in the folder; what it prints."""
    example = script()
    said: list[str] = []
    example.tell = lambda what: said.append(str(what))  # type: ignore[attr-defined]  # as the script calls it
    example.train(folder, stop_after)
    return said


def weights(folder: Path, step: int) -> dict[str, Any]:
    """All weights of a checkpoint."""
    state = {"model": get_model_state_dict(script().Network())}
    read(state, checkpoint_id=folder / str(step))
    return state["model"]
