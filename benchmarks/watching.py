"""What watching costs: of a whole training step.

The models are a sentence encoder as large as MiniLM-L6, and a perceptron of 50 tensors whose step is short.
Two trainings of each take turns in one process, one of them within `pg.watch`; ratios are medians of what the
rounds gave. What is timed is a training step with its forward and backward, AdamW under a schedule.

Run: `python -m benchmarks.watching`. The results are kept in `benchmarks/results/watching.json`.
With `--quick` it is a trial, and keeps nothing.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
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
CLAIMS = [Claim("watched / not watched", name, (ON,), OFF, BOUND) for name in MODELS]


def trained(make: Callable[[], Run], effort: Effort) -> Times:
    """The times of a training step, watched and not."""
    runs = {name: make() for name in (OFF, AGAIN, ON)}
    with ExitStack() as stack:
        watched = runs[ON]
        stack.enter_context(pg.watch(watched.model, watched.optimizer, watched.scheduler))
        return settled(
            {name: Turn(run.train, often=effort.often) for name, run in runs.items()}, effort.rounds
        )


def more_of(times: Times) -> float:
    """Microseconds that a watched step takes more.

    Example:
        >>> more_of({OFF: [1.0, 2.0, 3.0], ON: [1.5, 3.0, 3.5]})
        500000.0
    """
    return median(one - off for one, off in zip(times[ON], times[OFF], strict=True)) * 1e6


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
        "microseconds more": {name: more_of(found) for name, found in times.items()},
    }


def main() -> None:
    """Measure, print, and keep the results unless it is a trial."""
    quick = "--quick" in sys.argv
    found = measured(quick=quick)
    for part in ("median seconds", "ratios to not watched"):
        show(**{f"{name}, {part}": told for name, told in found[part].items()})
    show(**{"microseconds more": found["microseconds more"]})
    tell_claims(found["claims"])
    if not quick:
        path = save("watching", found)
        print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
