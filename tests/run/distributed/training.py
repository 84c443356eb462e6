"""A small network in float64, trained through windows by one process or by several."""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.nn import functional

import paramgroups as pg
from paramgroups.indexing import named_parameters
from tests.run.models import Block

STEPS = 12
THROUGH = (
    pg.rule("stem", trainable=False, until=3),
    pg.rule("stem", trainable=False, start=6, until=9),
)
"""Frozen, thawed, frozen again, thawed again."""
FROZEN = [*range(3), *range(6, 9)]
ALWAYS = (pg.rule("stem", trainable=False),)

Values = dict[str, torch.Tensor]


class Plain(nn.Module):
    """`stem.0` (linear), `stem.1` (layer norm, or batch norm if asked), `block`, `head`."""

    stem: Any

    def __init__(self, *, batch_norm: bool = False) -> None:
        super().__init__()
        norm = nn.BatchNorm1d(6) if batch_norm else nn.LayerNorm(6)
        self.stem = nn.Sequential(nn.Linear(4, 6), norm)
        self.block = Block(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.block(self.stem(x)))  # type: ignore[no-any-return]  # torch's are untyped


def network(*, batch_norm: bool = False) -> Plain:
    """The same values on all ranks."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Plain(batch_norm=batch_norm).double()


def plan_of(model: nn.Module, rules: tuple[pg.Rule, ...] = THROUGH, optimizer: str = "adamw") -> pg.Plan:
    recipe = pg.Recipe(optimizer=optimizer, lr=0.02, weight_decay=0.1, rules=rules)
    return pg.plan(model, recipe, steps=STEPS)


def build(plan: pg.Plan, model: nn.Module | None = None, **said: Any) -> Any:
    """By torch's operations: each process would compile kernels of its own."""
    return pg.build(plan, model, backend="torch", **said)


def loss_at(model: nn.Module, step: int) -> torch.Tensor:
    """The loss on this rank's share of the batch of a step."""
    draw = torch.Generator().manual_seed(step)
    x = torch.randn(8, 4, generator=draw, dtype=torch.float64)
    y = torch.randint(0, 3, (8,), generator=draw)
    rank, count = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    return functional.cross_entropy(model(x[rank::count]), y[rank::count])


def update(model: nn.Module, optimizer: Any, step: int) -> None:
    """An update, with gradients zeroed in place at every second step."""
    optimizer.zero_grad(set_to_none=step % 2 == 0)
    loss_at(model, step).backward()
    optimizer.step()


def stem_of(model: nn.Module) -> Values:
    """What this rank holds of the stem, buffers too, as a copy."""
    whole = {**dict(named_parameters(model)), **dict(model.named_buffers())}
    return {name: local(one).clone() for name, one in whole.items() if "stem" in name}


def local(tensor: torch.Tensor) -> torch.Tensor:
    plain: torch.Tensor = getattr(tensor, "_local_tensor", tensor).detach()
    return plain


def train(model: nn.Module, optimizer: Any, scheduler: pg.Scheduler, steps: int = STEPS) -> list[bool]:
    """Train; whether each step has left the stem bit-identical."""
    still = []
    for step in range(steps):
        before = stem_of(model)
        model.train()
        update(model, optimizer, step)
        after = stem_of(model)
        still.append(all(torch.equal(before[name], after[name]) for name in before))
        scheduler.step()
    return still


def whole(model: nn.Module) -> Values:
    """All parameters by their canonical names, gathered where they are sharded."""
    if isinstance(model, FullyShardedDataParallel):
        with FullyShardedDataParallel.summon_full_params(model):
            return {name: one.detach().clone() for name, one in named_parameters(model)}
    tensors = dict(named_parameters(model))
    return {
        name: (one.full_tensor() if hasattr(one, "full_tensor") else one).detach().clone()
        for name, one in tensors.items()
    }


def alone(rules: tuple[pg.Rule, ...] = THROUGH, steps: int = STEPS) -> Values:
    """What one process makes of the whole batches, with flags."""
    model = network()
    train(model, *pg.build(plan_of(model, rules)), steps)
    return whole(model)


def same(one: Values, other: Values) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def close(one: Values, other: Values) -> bool:
    return one.keys() == other.keys() and all(
        torch.allclose(one[name], other[name], rtol=1e-9, atol=1e-11) for name in one
    )
