"""What watching costs: of a whole training step.

The models are a sentence encoder as large as MiniLM-L6, and a perceptron of 50 tensors whose step is short.
Two trainings of each take turns in one process, one of them within `pg.watch`; ratios are medians of what the
rounds gave. What is timed is a training step with its forward and backward, AdamW under a schedule.

The watch's own time is taken beside: hooks that the optimizer calls just before and just after those of the
watch read the clock. On a busy machine whole steps of a large model differ by more than they could show.

Run: `python -m benchmarks.watching`. The results are kept in `benchmarks/results/watching.json`.
With `--quick` it is a trial, and keeps nothing.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import mean, median
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR

import paramgroups as pg
from benchmarks.claims import Claim, claimed, tell_claims
from benchmarks.measure import Times, Turn, medians, paired, save, settled, show
from benchmarks.models import SEED, encoder

SENTENCES, TOKENS = 8, 128
WIDTH, LAYERS, ROWS = 128, 25, 64
STEPS = 1_000_000
RATE = 1e-6
BOUND = 1.02

OFF, AGAIN, ON = "not watched", "not watched, again", "watched"
WITH = "not watched, and the watch's own time"
MINILM, PERCEPTRON = "MiniLM-L6", "50 tensors"


class Effort(NamedTuple):
    """How often it is stepped: the rounds, and the steps of a turn."""

    rounds: int
    often: int


FULL = {MINILM: Effort(15, 2), PERCEPTRON: Effort(41, 200)}
QUICK = {MINILM: Effort(2, 1), PERCEPTRON: Effort(5, 50)}


@dataclass(frozen=True)
class Run:
    """A training.

    Attributes:
        model: What is trained.
        loss: The loss of a batch.
        optimizer: What steps it.
        scheduler: What drives its rate.
    """

    model: nn.Module
    loss: Callable[[], Tensor]
    optimizer: AdamW
    scheduler: CosineAnnealingLR

    def train(self) -> None:
        """A training step."""
        self.optimizer.zero_grad()
        self.loss().backward()
        self.optimizer.step()
        self.scheduler.step()


def run_of(model: nn.Module, loss: Callable[[], Tensor]) -> Run:
    """A training under plain torch."""
    optimizer = AdamW(model.parameters(), lr=RATE)
    return Run(model, loss, optimizer, CosineAnnealingLR(optimizer, STEPS))


def sentences() -> Run:
    """That of the encoder."""
    work = encoder(SENTENCES, TOKENS)
    return run_of(work.model, work.loss)


def perceptron() -> Run:
    """That of 25 layers, whose step is short."""
    torch.manual_seed(SEED)
    layers = [nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU()) for _ in range(LAYERS)]
    model, rows = nn.Sequential(*layers), torch.randn(ROWS, WIDTH)
    return run_of(model, lambda: model(rows).square().mean())


MODELS: Mapping[str, Callable[[], Run]] = {MINILM: sentences, PERCEPTRON: perceptron}
CLAIMS = [
    Claim(f"{upper} / not watched", name, (upper,), OFF, BOUND) for name in MODELS for upper in (ON, WITH)
]


class Own:
    """The watch's own time: between hooks that are called just before and just after its own.

    Attributes:
        seconds: Of each update, before it and after it.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def begin(self, *_: Any) -> None:
        """The watch's hook is the next one."""
        self._began = perf_counter()

    def end(self, *_: Any) -> None:
        """It was the last one."""
        self.seconds.append(perf_counter() - self._began)

    def of_turns(self, often: int) -> list[float]:
        """The mean for an update in each turn but the first."""
        each = 2 * often
        turns = [self.seconds[at : at + each] for at in range(each, len(self.seconds), each)]
        return [2 * mean(turn) for turn in turns]


@contextmanager
def within_a_watch(run: Run, own: Own) -> Iterator[None]:
    """The training is watched, and the watch's hooks are between ours."""
    optimizer = run.optimizer
    optimizer.register_step_pre_hook(own.begin)
    optimizer.register_step_post_hook(own.begin)
    with pg.watch(run.model, optimizer, run.scheduler):
        optimizer.register_step_pre_hook(own.end)
        optimizer.register_step_post_hook(own.end)
        yield


def trained(make: Callable[[], Run], effort: Effort) -> Times:
    """The times of a training step, watched and not."""
    runs, own = {name: make() for name in (OFF, AGAIN, ON)}, Own()
    with within_a_watch(runs[ON], own):
        times = settled(
            {name: Turn(run.train, often=effort.often) for name, run in runs.items()}, effort.rounds
        )
    both = zip(times[OFF], own.of_turns(effort.often), strict=True)
    return {**times, WITH: [step + more for step, more in both]}


def more_of(times: Times) -> float:
    """Microseconds of a step that are the watch's own.

    Example:
        >>> more_of({OFF: [1.0, 2.0, 3.0], WITH: [1.5, 3.0, 3.5]})
        500000.0
    """
    return median(one - off for one, off in zip(times[WITH], times[OFF], strict=True)) * 1e6


def measured(*, quick: bool) -> dict[str, Any]:
    """All that is measured."""
    efforts = QUICK if quick else FULL
    times = {name: trained(make, efforts[name]) for name, make in MODELS.items()}
    return {
        "batch": f"{SENTENCES} sentences of {TOKENS} tokens; {ROWS} rows of {WIDTH}",
        "claims": list(claimed(times, CLAIMS)),
        "median seconds": {name: medians(found) for name, found in times.items()},
        "ratios to not watched": {
            name: {told: paired(found, told, OFF) for told in found} for name, found in times.items()
        },
        "microseconds of its own": {name: more_of(found) for name, found in times.items()},
    }


def main() -> None:
    """Measure, print, and keep the results unless it is a trial."""
    quick = "--quick" in sys.argv
    found = measured(quick=quick)
    for part in ("median seconds", "ratios to not watched"):
        show(**{f"{name}, {part}": told for name, told in found[part].items()})
    show(**{"microseconds of its own": found["microseconds of its own"]})
    tell_claims(found["claims"])
    if not quick:
        path = save("watching", found)
        print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
