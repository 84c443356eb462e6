"""Timing for comparisons: everything in one run, interleaved, medians and ratios."""

import gc
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
REST = 0.005
"""Seconds before a turn: threads that spin on after their work would take a core from the next task."""

Times = Mapping[str, list[float]]
"""The seconds of each task in each round."""


def nothing() -> None:
    """What comes before a task that needs no preparation."""


@dataclass(frozen=True)
class Turn:
    """What a task does in its turn.

    Attributes:
        task: What is timed.
        before: What comes before each run of it, untimed.
        often: How many runs a turn has: what fits into the cache is then found there, but for the first.
    """

    task: Callable[[], Any]
    before: Callable[[], Any] = nothing
    often: int = 1

    def seconds(self) -> float:
        """The mean time of a run."""
        gc.collect()
        time.sleep(REST)
        total = 0.0
        for _ in range(self.often):
            self.before()
            start = time.perf_counter()
            self.task()
            total += time.perf_counter() - start
        return total / self.often


def turns(tasks: Mapping[str, Turn], rounds: int) -> Times:
    """The time of each task in each round; every round gives each of them a turn.

    What is there at the start is left out of the collection of garbage: to walk 100,000 tensors again and
    again would take longer than what is timed.

    Args:
        tasks: What is timed.
        rounds: How often.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    gc.collect()
    gc.freeze()
    try:
        for _ in range(rounds):
            for name, turn in tasks.items():
                times[name].append(turn.seconds())
    finally:
        gc.unfreeze()
    return times


def settled(tasks: Mapping[str, Turn], rounds: int) -> Times:
    """The times of so many rounds, after one in which all is compiled and laid out."""
    return {name: found[1:] for name, found in turns(tasks, rounds + 1).items()}


def medians(times: Times) -> dict[str, float]:
    """The median time of each task."""
    return {name: median(found) for name, found in times.items()}


def paired(times: Times, upper: str, lower: str) -> float:
    """The median over the rounds of one task's time by another's: what slows a whole round cancels out.

    Args:
        times: The seconds of each task in each round.
        upper: What is divided.
        lower: By what.

    Example:
        >>> paired({"a": [2.0, 9.0, 4.0], "b": [1.0, 3.0, 2.0]}, "a", "b")
        2.0
    """
    return median(one / other for one, other in zip(times[upper], times[lower], strict=True))


def interleaved(tasks: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median time of each task in seconds; every round runs each of them once.

    Args:
        tasks: What is timed.
        rounds: How often.
    """
    return medians(turns({name: Turn(task) for name, task in tasks.items()}, rounds))


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
