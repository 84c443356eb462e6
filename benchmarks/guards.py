"""What guards cost: of the optimizer's step, and of a whole training step.

The model is a sentence encoder as large as MiniLM-L6. An optimizer for each set of guards steps the same
parameters, with the same gradients and moments; all take turns in one process, and ratios are medians of
what the rounds gave. What is timed is `optimizer.step()`, whose hooks do the guards' work, with
`scheduler.step()`; then a training step: forward and backward of 8 x 128 tokens before these two. The limits
are never reached, and the windows of what looks back are full.

A snapshot to roll back to is timed by a guard that keeps one at every step, of which one that keeps one in a
hundred steps has the hundredth part.

Run: `python -m benchmarks.guards`. The results are kept in `benchmarks/results/guards.json`.
With `--quick` it is a trial, and keeps nothing.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple
from zlib import crc32

import paramgroups as pg
from benchmarks.claims import Claim, claimed, tell_claims
from benchmarks.contenders import Held
from benchmarks.measure import Times, Turn, medians, paired, save, settled, show
from benchmarks.models import Work, encoder
from paramgroups.control import Guard, divergence, nonfinite, ratio, rollback, spike
from paramgroups.schedules import cosine

SENTENCES, TOKENS = 8, 128
STEPS = 1_000_000
RATE, DECAY = 1e-6, 0.01
NEVER, NEVER_STEPS = 1e9, 10**9
EVERY = 100
FULL_WINDOWS = 300
"""Steps after which all windows are full."""

OFF, AGAIN = "no guards", "no guards, again"
BEFORE, AFTER = "before: nonfinite, spike", "after: ratio, divergence"
WAITING, KEEPING, ROLLING = "rollback, keeping nothing", "rollback, keeping always", "rollback"
RESTING, ALL = "all, keeping nothing", "all"

HOLD: Sequence[Guard] = (nonfinite(), spike(score=NEVER))
JUDGE: Sequence[Guard] = (ratio(high=NEVER), divergence(times=NEVER))
WAIT: Sequence[Guard] = (rollback(every=NEVER_STEPS),)

SETS: Mapping[str, Sequence[Guard]] = {
    OFF: (),
    AGAIN: (),
    "nonfinite": HOLD[:1],
    "spike": HOLD[1:],
    BEFORE: HOLD,
    "ratio": JUDGE[:1],
    "divergence": JUDGE[1:],
    AFTER: JUDGE,
    WAITING: WAIT,
    RESTING: (*HOLD, *JUDGE, *WAIT),
    KEEPING: (rollback(every=1),),
}
"""Guards that are timed; the last keeps a snapshot at each step, which would slow what comes after it: it is
timed apart."""
LOOKING_BACK = ("spike", BEFORE, "divergence", AFTER, RESTING)
"""Those that have windows."""
TRAINED = (OFF, AGAIN, BEFORE, AFTER, RESTING)
"""Those that are timed in a training step."""

GROUPINGS: Mapping[str, pg.Rule] = {
    "a rate for each layer": pg.recipes.layer_decay(0.8),
    "a rate for each tensor": pg.rule(
        "**", lr_scale=pg.per_parameter("name", lambda row: 1 + crc32(row.name.encode()) / 2**32)
    ),
}


class Effort(NamedTuple):
    """How often it is stepped: before all, the rounds, the steps of a turn, and rounds of training steps."""

    fill: int
    rounds: int
    often: int
    trained: int


FULL, QUICK = Effort(FULL_WINDOWS, 11, 16, 9), Effort(40, 3, 8, 1)


@dataclass(frozen=True)
class Run:
    """An optimizer and a scheduler that guard."""

    work: Work
    optimizer: pg.Optimizer
    scheduler: pg.Scheduler

    def update(self) -> None:
        """What guards are part of."""
        self.optimizer.step()
        self.scheduler.step()

    def train(self) -> None:
        """A training step."""
        self.optimizer.zero_grad()
        self.work.loss().backward()
        self.update()

    def fill(self, count: int) -> None:
        """So many updates."""
        for _ in range(count):
            self.update()


def guarded(work: Work, held: Held, rule: pg.Rule, guards: Sequence[Guard]) -> Run:
    """A plan's optimizer on the shared moments."""
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=RATE,
        weight_decay=DECAY,
        schedule=cosine(),
        rules=[rule],
        controllers=list(guards),
    )
    optimizer, scheduler = pg.build(pg.plan(work.model, recipe, steps=STEPS))
    return Run(work, held.lend(optimizer), scheduler)


def runs_of(work: Work, rule: pg.Rule) -> dict[str, Run]:
    """A run for each set of guards; parameters, gradients and moments are there once."""
    held = Held.holding([*work.model.parameters()])
    return {name: guarded(work, held, rule, guards) for name, guards in SETS.items()}


def updated(runs: Mapping[str, Run], effort: Effort) -> Times:
    """The times of the optimizer's step and the scheduler's."""
    for name in LOOKING_BACK:
        runs[name].fill(effort.fill)
    tasks = {name: Turn(run.update, often=effort.often) for name, run in runs.items() if name != KEEPING}
    kept = {name: Turn(runs[name].update) for name in (WAITING, KEEPING)}
    return rolled(settled(tasks, effort.rounds), settled(kept, effort.rounds))


def rolled(times: Times, kept: Times) -> Times:
    """With what guards cost that keep a snapshot every hundred steps.

    Args:
        times: The times of guards that keep none.
        kept: Those of one that always keeps one, beside one that never does.

    Example:
        >>> found = rolled({WAITING: [1.0], RESTING: [2.0]}, {WAITING: [1.0], KEEPING: [51.0]})
        >>> found[ROLLING], found[ALL]
        ([1.5], [2.5])
    """
    share = (median(kept[KEEPING]) - median(kept[WAITING])) / EVERY
    made = {ROLLING: WAITING, ALL: RESTING}
    return {**times, **{name: [one + share for one in times[of]] for name, of in made.items()}}


def trained(runs: Mapping[str, Run], rounds: int) -> Times:
    """The times of a training step."""
    return settled({name: Turn(runs[name].train) for name in TRAINED}, rounds)


def in_training(grouping: str) -> str:
    """What a grouping's training steps are called."""
    return f"{grouping}, training step"


def claims_on(grouping: str) -> list[Claim]:
    """What guards have to hold."""
    return [
        Claim("after guards on / off", grouping, (AFTER,), OFF, 1.05),
        Claim("before guards on / off", grouping, (BEFORE,), OFF, 1.25),
        Claim("before guards on / off", in_training(grouping), (BEFORE,), OFF, 1.05),
    ]


def more_of(times: Times) -> dict[str, float]:
    """Microseconds that each set takes more than none."""
    return {
        name: median(one - off for one, off in zip(found, times[OFF], strict=True)) * 1e6
        for name, found in times.items()
        if name != OFF
    }


def measured(*, quick: bool) -> dict[str, Any]:
    """All that is measured."""
    effort = QUICK if quick else FULL
    times: dict[str, Times] = {}
    counts = {}
    for grouping, rule in GROUPINGS.items():
        runs = runs_of(encoder(SENTENCES, TOKENS), rule)
        counts[grouping] = len(runs[OFF].optimizer.param_groups)
        times[grouping] = updated(runs, effort)
        times[in_training(grouping)] = trained(runs, effort.trained)
    return {
        "batch": f"{SENTENCES} sentences of {TOKENS} tokens",
        "groups": counts,
        "every": EVERY,
        "claims": list(claimed(times, [claim for grouping in GROUPINGS for claim in claims_on(grouping)])),
        "median seconds": {name: medians(found) for name, found in times.items()},
        "ratios to none": {
            name: {told: paired(found, told, OFF) for told in found} for name, found in times.items()
        },
        "microseconds more": {name: more_of(found) for name, found in times.items()},
    }


def main() -> None:
    """Measure, print, and keep the results unless it is a trial."""
    quick = "--quick" in sys.argv
    found = measured(quick=quick)
    for part in ("median seconds", "ratios to none", "microseconds more"):
        show(**{f"{name}, {part}": told for name, told in found[part].items()})
    tell_claims(found["claims"])
    if not quick:
        path = save("guards", found)
        print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
