"""What a checkpoint takes: the state of AdamW for a BERT-base, in one file, beside torch.save and torch.load.

All take turns in one process; each is made ready by a run of its own that is not timed, so that all find
their memory alike, and ratios are medians of what the rounds gave. Ours is on the disk when `pg.save`
returns, and torch's is not: `torch.save, on the disk` asks the system for that too. What is in memory is the
peak of a process of its own.

Run: `python -m benchmarks.checkpoints`. The results are kept in `benchmarks/results/checkpoints.json`.
With `--quick` it is a trial of a small model, and keeps nothing.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

import paramgroups as pg
from benchmarks.claims import Claim, claimed, tell_claims
from benchmarks.measure import Times, Turn, medians, paired, save, settled, show
from benchmarks.shapes import MODELS, Shapes

MODEL, SMALL = "BERT-base", "1,000 x 1,000"
ROUNDS, FEW = 5, 2
MOST, MOST_MEMORY = 1.2, 1.1
SAVE, TORCH_SAVE, SYNCED = "pg.save", "torch.save", "torch.save, on the disk"
LOAD, TORCH_LOAD = "pg.load", "torch.load"
BYTES = 12
"""Of each number: the weight and two moments."""
STATUS = Path("/proc/self/status")

CLAIMS = (
    Claim("pg.save / torch.save", MODEL, (SAVE,), TORCH_SAVE, MOST),
    Claim("pg.load / torch.load", MODEL, (LOAD,), TORCH_LOAD, MOST),
)

Run = tuple[nn.Module, torch.optim.Optimizer, pg.Scheduler]


def started(shapes: Shapes) -> Run:
    """Tensors of these shapes, their optimizer and scheduler."""
    model = nn.ParameterList([nn.Parameter(torch.full(shape, 0.5)) for shape in shapes])
    return model, *pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=1e-3), steps=100))


def trained(shapes: Shapes) -> Run:
    """The same after a step, so that there are moments."""
    model, optimizer, scheduler = started(shapes)
    for param in model.parameters():
        param.grad = torch.full_like(param, 0.1)
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
    return model, optimizer, scheduler


class Work:
    """A run that is saved, its files, and one that is loaded into."""

    run: Run
    fresh: Run

    def __init__(self, shapes: Shapes, folder: Path) -> None:
        self.shapes = shapes
        self.ours, self.torchs = folder / "ours", folder / "torchs"

    def begin(self) -> None:
        """Train what is saved."""
        self.run = trained(self.shapes)

    def anew(self) -> None:
        """A fresh run to load into."""
        self.fresh = started(self.shapes)

    def save(self) -> None:
        """Ours."""
        model, optimizer, scheduler = self.run
        pg.save(self.ours, model=model, optimizer=optimizer, scheduler=scheduler)

    def load(self) -> None:
        """Ours."""
        model, optimizer, scheduler = self.fresh
        pg.load(self.ours, model=model, optimizer=optimizer, scheduler=scheduler)

    def torch_save(self, *, synced: bool = False) -> None:
        """As users of torch write it."""
        torch.save([one.state_dict() for one in self.run], self.torchs)
        if synced:
            with self.torchs.open("rb+") as file:
                os.fsync(file.fileno())

    def torch_load(self) -> None:
        """As users of torch write it."""
        states = torch.load(self.torchs, weights_only=True)
        each: Any
        for each, state in zip(self.fresh, states, strict=True):
            each.load_state_dict(state)

    @property
    def turns(self) -> dict[str, Turn]:
        """What is timed."""
        return {
            TORCH_SAVE: self._saving(self.torch_save, self.torchs),
            SAVE: self._saving(self.save, self.ours),
            SYNCED: self._saving(partial(self.torch_save, synced=True), self.torchs),
            TORCH_LOAD: self._loading(self.torch_load),
            LOAD: self._loading(self.load),
        }

    def _saving(self, task: Callable[[], None], path: Path) -> Turn:
        """Into a new file, right after such a file is gone: the pages of memory that it takes are at hand."""

        def prepare() -> None:
            task()
            path.unlink()
            os.sync()

        return Turn(task, prepare)

    def _loading(self, task: Callable[[], None]) -> Turn:
        """Into a fresh run, right after such a one is gone."""

        def prepare() -> None:
            self.anew()
            task()
            self.anew()

        return Turn(task, prepare)


def memory_now(key: str) -> int:
    """What the system says that this process has in memory, or had at most, in bytes."""
    line = next(one for one in STATUS.read_text().splitlines() if one.startswith(key))
    return int(line.split()[1]) * 1024


def peak(what: str, name: str, folder: str) -> float:
    """What saving, or loading, has in memory at most, by the bytes of the state; of this process alone."""
    trained([torch.Size([8])])  # all that is loaded, or compiled, when it is first used
    work = Work(MODELS[name](), Path(folder))
    state = BYTES * sum(shape.numel() for shape in work.shapes)
    tasks = {SAVE: work.save, TORCH_SAVE: work.torch_save, LOAD: work.load, TORCH_LOAD: work.torch_load}
    before = memory_now("VmRSS")
    if what in (SAVE, TORCH_SAVE):
        work.begin()
        before = memory_now("VmRSS") - state  # the state is there; gradients that were freed may be, too
    else:
        work.anew()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    tasks[what]()
    return (memory_now("VmHWM") - before) / state


def peaks(name: str, folder: Path) -> dict[str, float]:
    """The peak of each task, measured in a process of its own."""
    return {
        what: float(
            subprocess.run(  # noqa: S603  # ourselves
                [sys.executable, "-m", "benchmarks.checkpoints", "--peak", what, name, str(folder)],
                capture_output=True,
                check=True,
                text=True,
            ).stdout
        )
        for what in (SAVE, TORCH_SAVE, LOAD, TORCH_LOAD)
    }


def memory_claims(name: str, found: dict[str, float]) -> list[dict[str, Any]]:
    """What was asked of the peaks, beside what was measured."""
    return [
        {
            "says": f"memory of {what} / the state",
            "model": name,
            "asked": f"at most {MOST_MEMORY:g}",
            "measured": found[what],
            "held": found[what] <= MOST_MEMORY,
        }
        for what in (SAVE, LOAD)
    ]


def ratios(times: Times) -> dict[str, float]:
    """Ours by torch's."""
    pairs = ((SAVE, TORCH_SAVE), (SAVE, SYNCED), (LOAD, TORCH_LOAD))
    return {f"{one} / {other}": paired(times, one, other) for one, other in pairs}


def main(*, quick: bool) -> None:
    """Measure, print, and keep."""
    name = SMALL if quick else MODEL
    with TemporaryDirectory() as place:
        work = Work(MODELS[name](), Path(place))
        work.begin()
        times = settled(work.turns, FEW if quick else ROUNDS)
        size = work.ours.stat().st_size
        del work.run, work.fresh
        found = peaks(name, Path(place))
    rows = [*claimed({name: times}, CLAIMS), *memory_claims(name, found)]
    show(median_seconds=medians(times), ratios=ratios(times), peak_by_the_state=found)
    tell_claims(rows)
    if not quick:
        numbers = {"model": name, "bytes": size}
        save(
            "checkpoints",
            {
                **numbers,
                "claims": rows,
                "median seconds": medians(times),
                "ratios": ratios(times),
                "peak memory / state": found,
            },
        )


if __name__ == "__main__":
    if "--peak" in sys.argv:
        print(peak(*sys.argv[-3:]))
    else:
        main(quick="--quick" in sys.argv)
