"""How long a static audit takes: BERT-base, and a mixture of 46,848 tensors, in few groups and in many.

Run: `python -m benchmarks.auditing`. The results are kept in `benchmarks/results/auditing.json`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

import paramgroups as pg
from benchmarks.claims import tell_claims
from benchmarks.measure import interleaved, save, show
from benchmarks.planning import EXPERTS, LAYERS, Mixture
from paramgroups.indexing import named_parameters
from tests.support import import_transformers

ROUNDS = 7
STEPS = 10_000
BERT, FEW, MANY = "BERT-base", "46,848 tensors, 1 group", "46,848 tensors, 46,848 groups"
BOUNDS = {BERT: 0.1, FEW: 2.0, MANY: 2.0}
"""Seconds."""
Groups = list[dict[str, Any]]
SetUp = tuple[nn.Module, torch.optim.Optimizer, LRScheduler]


def halves(model: nn.Module) -> Groups:
    """The groups that most scripts make: decay on matrices, none on vectors."""
    index = pg.index(model)
    spared = {row.name for row in index if {"bias", "norm", "embedding"} & row.roles}
    known = dict(named_parameters(model))
    decayed = [known[row.name] for row in index if row.name not in spared]
    groups: Groups = [{"params": decayed, "weight_decay": 0.01}]
    return [*groups, {"params": [known[name] for name in spared], "weight_decay": 0.0}] if spared else groups


def set_up(model: nn.Module, groups: Groups) -> SetUp:
    """AdamW under a cosine; torch would take minutes to add 46,848 groups one by one."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    settings = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
    optimizer.param_groups = [settings | group for group in groups]
    return model, optimizer, CosineAnnealingLR(optimizer, T_max=STEPS)


def set_ups() -> Mapping[str, SetUp]:
    """What is audited."""
    host = import_transformers()
    bert = host.BertForSequenceClassification(host.BertConfig())
    mixture = Mixture(LAYERS, EXPERTS)
    each: Groups = [{"params": [p], "lr": 1e-4} for p in mixture.parameters()]
    return {
        BERT: set_up(bert, halves(bert)),
        FEW: set_up(mixture, halves(mixture)),
        MANY: set_up(mixture, each),
    }


def task(made: SetUp) -> Callable[[], Any]:
    """What is timed."""
    return lambda: pg.audit(*made, steps=STEPS)


def main() -> None:
    """Measure, print and keep the results."""
    made = set_ups()
    tasks = {name: task(one) for name, one in made.items()}
    first = interleaved(tasks, 1)
    times = interleaved(tasks, ROUNDS)
    claims = [
        {
            "says": "seconds of a static audit",
            "model": name,
            "asked": f"at most {bound:g}",
            "measured": times[name],
            "held": times[name] <= bound,
        }
        for name, bound in BOUNDS.items()
    ]
    found = {name: pg.audit(*one, steps=STEPS).summary for name, one in made.items()}
    show(first_seconds=first, median_seconds=times)
    tell_claims(claims)
    save("auditing", {"first seconds": first, "median seconds": times, "found": found, "claims": claims})


if __name__ == "__main__":
    main()
