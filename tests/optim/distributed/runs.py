"""Runs of the optimizer in one process or in one of several, each told wholly."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from paramgroups.optim.optimizer import Optimizer
from tests.optim.distributed.models import Wrap, full, loss_at, named, network, whole

STEPS = 6
Group = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A run: how the optimizer is made, and what happens on the way.

    Attributes:
        optimizer: Who steps what no group says.
        changes: What is said of groups, by the beginning of their parameter's name.
        options: How it steps.
        broken: At which step the gradient of `head.weight` has a NaN, in its first row.
        dtype: The dtype of the model.
        rtol: How far two ways to sum may be apart.
    """

    optimizer: str = "adamw"
    changes: Mapping[str, Group] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    broken: int | None = None
    dtype: torch.dtype = torch.float64
    rtol: float = 1e-9

    def groups(self, model: nn.Module) -> list[Group]:
        """A group, and so a rate, for every parameter; none decays biases and norms."""
        found = []
        for number, (name, param) in enumerate(named(model).items()):
            decay = 0.0 if name.endswith("bias") or "norm" in name else 0.1
            group = {"params": [param], "param_names": [name], "name": name}
            settings = {"lr": 0.01 * 0.9**number, "weight_decay": decay}
            said = [more for start, more in self.changes.items() if name.startswith(start)]
            for more in ({}, *said):
                settings |= more
            found.append({**group, **settings})
        return found


def told_of(run: Run, wrap: Wrap | None = None, shared: tuple[int, int] | None = None) -> dict[str, Any]:
    """What a run has done: weights, statistics of each step, and how many steps were skipped."""
    model = network(run.dtype) if wrap is None else wrap(network(run.dtype))
    options: dict[str, Any] = {"backend": "torch", **run.options}
    optimizer = Optimizer(run.groups(model), run.optimizer, **options)
    statistics = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss_at(model, step, shared=shared).backward()
        if step == run.broken:
            _break(model)
        optimizer.step()
        statistics.append({name: tuple(one) for name, one in optimizer.statistics().items()})
    return {
        "whole": whole(model),
        "statistics": statistics,
        "skipped": optimizer.skipped,
        "state": state_of(optimizer),
    }


def _break(model: nn.Module) -> None:
    """Of the first row of the head's gradient, in the process that holds it."""
    grad: Any = dict(named(model))["head.weight"].grad
    here = grad.to_local() if hasattr(grad, "to_local") else grad
    if here.numel() and (here is grad or grad.device_mesh.get_local_rank(0) == 0):
        here.view(-1)[0] = math.nan


def state_of(optimizer: Optimizer) -> dict[str, dict[str, torch.Tensor]]:
    return {
        group["name"]: {key: full(one).clone() for key, one in optimizer.state[param].items()}
        for group in optimizer.param_groups
        for param in group["params"]
        if param in optimizer.state
    }


def share() -> tuple[int, int]:
    """Each process trains on a share of its own."""
    return dist.get_rank(), dist.get_world_size()


def same_numbers(one: Any, other: Any, rtol: float = 1e-9) -> bool:
    """Whether statistics of all steps are equal to rounding."""
    return len(one) == len(other) and all(
        here.keys() == there.keys()
        and all(
            math.isclose(x, y, rel_tol=rtol, abs_tol=1e-12) or (x != x and y != y)  # noqa: PLR0124  # NaN
            for name in here
            for x, y in zip(here[name], there[name], strict=True)
        )
        for here, there in zip(one, other, strict=True)
    )


ROWS_OF = {
    "rows": [
        {"name": "embed.weight", "start": 7, "stop": 10, "lr": 0.1},
        {"name": "embed.weight", "start": 0, "stop": 2, "lr": 0.0},
    ]
}

RUNS: Mapping[str, Run] = {
    "rates": Run(),
    "momentum": Run("sgd", {"": {"momentum": 0.9}}),
    "rows": Run(changes={"embed": ROWS_OF}),
    "clipped": Run(changes={"": {"clip_norm": 0.05}, "head": {"clip_alone": True}}),
    "broken": Run(options={"skip_nonfinite": True}, broken=2),
    "masters": Run(dtype=torch.bfloat16, options={"master_weights": True}, rtol=3e-2),
    "compiled": Run(changes={"embed": ROWS_OF, "": {"clip_norm": 0.05}}, options={"backend": None}),
    "of torch": Run("adamax"),
    "muon": Run(changes={"blocks.0.up.weight": {"optimizer": "muon"}}, rtol=0.1),  # it computes in bfloat16
    "of several": Run(changes={"head": {"optimizer": "adamax", "clip_norm": 0.02}}),
}
"""One for each thing that a step may do."""
