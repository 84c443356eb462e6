"""Timing for comparisons: everything in one run, interleaved, medians and ratios."""

import gc
import json
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


def interleaved(tasks: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median time of each task in seconds; every round runs each of them once.

    Args:
        tasks: What is timed.
        rounds: How often.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            gc.collect()
            start = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - start)
    return {name: median(found) for name, found in times.items()}


def context() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
    }


def save(name: str, data: Mapping[str, Any]) -> Path:
    """Write the results beside the earlier ones."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"context": context(), **data}, indent=2) + "\n")
    return path


def show(**tables: Mapping[str, float]) -> None:
    """Print tables of numbers, each under its title."""
    for title, values in tables.items():
        print(title.replace("_", " "))
        for name, value in values.items():
            print(f"  {name:48} {value:12.6f}")
