"""What a frozen backbone saves of a training step: by a rule, by hand, and in ways that save little.

A step is forward, backward, the optimizer's step and the scheduler's, in real models of random weights. Each
way has a model of its own; all take turns in one process, and ratios are medians of what the rounds gave. By
hand is as one writes it in torch: `requires_grad_(False)`, batch norms in evaluation, an optimizer of the
head alone. What autograd saves by that is the most that there is to save.

Run: `python -m benchmarks.freezing`. The results are kept in `benchmarks/results/freezing.json`.
With `--quick` it is a trial, and keeps nothing.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

import paramgroups as pg
from benchmarks.claims import Claim, claimed, tell_claims
from benchmarks.measure import Times, Turn, medians, paired, save, settled, show
from benchmarks.memory import gradients_of, saved_by, state_of
from benchmarks.models import BATCHES, WORKS, Work
from paramgroups.schedules import cosine

STEPS = 100_000
RATE, DECAY = 1e-4, 0.01
ROUNDS, FEW, OFTEN = 21, 2, 5
MOST = 1.05


def leave(_work: Work) -> None:
    """Change nothing."""


@dataclass(frozen=True)
class Run:
    """A model in training.

    Attributes:
        work: The model and its batch.
        optimizer: What steps it.
        scheduler: What writes the rates.
        between: What is done between backward and the optimizer's step.
    """

    work: Work
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler
    between: Callable[[Work], None] = leave

    def step(self) -> None:
        """A training step."""
        self.optimizer.zero_grad()
        self.work.loss().backward()
        self.update()

    def update(self) -> None:
        """What follows backward."""
        self.between(self.work)
        self.optimizer.step()
        self.scheduler.step()

    def bytes(self) -> dict[str, int]:
        """What a step after the first keeps."""
        self.step()
        self.optimizer.zero_grad()
        saved, gradients = saved_by(self.work.model, self.work.loss), gradients_of(self.work.model)
        self.update()
        return {"saved for backward": saved, "gradients": gradients, "optimizer": state_of(self.optimizer)}


def planned(work: Work, *, freezing: str | None = None, **settings: Any) -> Run:
    """Trained by a plan; settings are of a rule on all but the head."""
    rules = [pg.rule(f"~{work.head}", **settings)] if settings else []
    recipe = pg.Recipe(optimizer="adamw", lr=RATE, weight_decay=DECAY, schedule=cosine(), rules=rules)
    plan = pg.plan(work.model, recipe, steps=STEPS)
    return Run(work, *pg.build(plan, freezing=freezing))


def by_torch(
    work: Work, groups: Iterable[nn.Parameter | dict[str, Any]], between: Callable[[Work], None] = leave
) -> Run:
    """Trained by torch's fastest AdamW, and its scheduler."""
    given: list[Any] = [*groups]
    optimizer = torch.optim.AdamW(given, lr=RATE, weight_decay=DECAY, fused=True)
    return Run(work, optimizer, CosineAnnealingLR(optimizer, STEPS), between)


def head_of(work: Work) -> list[nn.Parameter]:
    """The parameters that are trained."""
    return [*work.model.get_submodule(work.head).parameters()]


def backbone_of(work: Work) -> list[nn.Parameter]:
    """The others."""
    return [param for module in work.backbone for param in module.parameters()]


def by_hand(work: Work, *, dropout: bool = True) -> Run:
    """Frozen as one writes it in torch; without dropout all of the backbone is in evaluation."""
    for module in work.backbone:
        module.requires_grad_(False)
        for part in module.modules():
            if not dropout or isinstance(part, _BatchNorm):
                part.eval()
    return by_torch(work, head_of(work))


def by_rate(work: Work) -> Run:
    """The wrong way: a rate of 0."""
    return by_torch(work, [{"params": backbone_of(work), "lr": 0.0}, {"params": head_of(work)}])


def zero_gradients(work: Work) -> None:
    """Write 0 into the gradients of what should not learn."""
    for param in backbone_of(work):
        if param.grad is not None:
            param.grad.zero_()


def by_zeros(work: Work) -> Run:
    """Another wrong way: gradients of 0, which weight decay and moments do not heed."""
    return by_torch(work, work.model.parameters(), zero_gradients)


ALL, RULE, HAND, STILL = "all trained", "a rule", "by hand", "a rule, dropout=False"
WINDOW, MASKED, EVALUATED = "a rule with a window", "a rule with a window, masks", "by hand, in evaluation"
ALL_BY_TORCH, AGAIN = "all trained, torch fused", "by hand, again"
RATED, ZEROED = "a rate of 0, torch fused", "gradients of 0, torch fused"

WAYS: Mapping[str, Callable[[Work], Run]] = {
    ALL: planned,
    ALL_BY_TORCH: lambda work: by_torch(work, work.model.parameters()),
    RATED: by_rate,
    ZEROED: by_zeros,
    MASKED: lambda work: planned(work, trainable=False, until="90%", freezing="masks"),
    AGAIN: by_hand,
    HAND: by_hand,
    RULE: lambda work: planned(work, trainable=False),
    WINDOW: lambda work: planned(work, trainable=False, until="90%"),
    EVALUATED: lambda work: by_hand(work, dropout=False),
    STILL: lambda work: planned(work, trainable=False, dropout=False),
}
"""How a backbone is frozen; the last two differ from the others where a model has dropout.

A large step slows what comes after it, so all that is compared comes after a small one.
"""


def in_bytes(model: str) -> str:
    """What a model's bytes are called among the times."""
    return f"{model}, bytes"


def claims_on(model: str) -> list[Claim]:
    """What freezing has to hold on a model."""
    pairs = ((RULE, HAND), (WINDOW, HAND), (STILL, EVALUATED))
    return [
        *(Claim(f"{upper} / {lower}", model, (upper,), lower, MOST) for upper, lower in pairs),
        *(Claim(f"{upper} / {lower}", in_bytes(model), (upper,), lower, 1.0) for upper, lower in pairs),
    ]


def stepped(runs: Mapping[str, Run], rounds: int, often: int) -> Times:
    """The times of a training step in each way."""
    return settled({name: Turn(run.step, often=often) for name, run in runs.items()}, rounds)


def ratios_of(times: Times, lower: str = HAND) -> dict[str, float]:
    """How many times as long as by hand each way takes."""
    return {name: paired(times, name, lower) for name in times}


def measured(*, quick: bool) -> dict[str, Any]:
    """All that is measured."""
    times: dict[str, Times] = {}
    sizes: dict[str, dict[str, dict[str, int]]] = {}
    for name, work in WORKS.items():
        runs = {told: make(work()) for told, make in WAYS.items()}
        sizes[name] = {told: run.bytes() for told, run in runs.items()}
        times[name] = stepped(runs, *((FEW, 1) if quick else (ROUNDS, OFTEN)))
    totals = {
        in_bytes(name): {told: [float(sum(one.values()))] for told, one in found.items()}
        for name, found in sizes.items()
    }
    claims = [claim for name in WORKS for claim in claims_on(name)]
    return {
        "batches": BATCHES,
        "claims": list(claimed({**times, **totals}, claims)),
        "median seconds": {name: medians(found) for name, found in times.items()},
        "ratios to by hand": {name: ratios_of(found) for name, found in times.items()},
        "bytes": sizes,
    }


def main() -> None:
    """Measure, print, and keep the results unless it is a trial."""
    quick = "--quick" in sys.argv
    found = measured(quick=quick)
    show(**{f"{name}, seconds": told for name, told in found["median seconds"].items()})
    show(**{f"{name}, ratio to by hand": told for name, told in found["ratios to by hand"].items()})
    tell_claims(found["claims"])
    if not quick:
        path = save("freezing", found)
        print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
