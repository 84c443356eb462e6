"""What each of several processes does: runs that are told wholly, and small cases."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.memory import Memory
from paramgroups.optim.optimizer import Optimizer
from tests.optim.distributed.models import (
    apart,
    both,
    fully,
    loss_at,
    mesh_of,
    network,
    repeated,
    tensor_parallel,
)
from tests.optim.distributed.runs import RUNS, Run, share, told_of
from tests.run.distributed.processes import Scenario

WRAPS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "fully": fully, "tensor": tensor_parallel, "both": both, "repeated": repeated, "apart": apart,
}  # fmt: skip
SHARES: dict[str, Callable[[], tuple[int, int] | None]] = {
    "fully": share,
    "repeated": share,
    "tensor": lambda: None,
    "apart": lambda: None,
    "both": lambda: (dist.get_rank() // 2, 2),
}
"""Which share of the batch each trains on: those of one tensor-parallel group the same."""


def run_of(wrap: str, run: str) -> dict[str, Any]:
    return told_of(RUNS[run], WRAPS[wrap], SHARES[wrap]())


@contextmanager
def counted() -> Iterator[list[int]]:
    """The messages that are sent meanwhile: how many numbers each has."""
    sent: list[int] = []
    real = dist.all_reduce

    def counting(tensor: torch.Tensor, *args: Any, **said: Any) -> Any:
        sent.append(tensor.numel())
        return real(tensor, *args, **said)

    dist.all_reduce = counting
    try:
        yield sent
    finally:
        dist.all_reduce = real


def messages(wrap: Callable[[nn.Module], nn.Module] | None, **said: Any) -> list[int]:
    """Those of the second step alone: the first finds who is there."""
    model = network() if wrap is None else wrap(network())
    groups = Run(changes={"": said.pop("group", {})}).groups(model)
    optimizer = Optimizer(groups, "sgd", backend="torch", **said)
    for step in range(2):
        optimizer.zero_grad()
        loss_at(model, step).backward()
        with counted() as sent:
            optimizer.step()
    return sent


def spread(rows: int, *placements: Any, width: int = 1) -> nn.Parameter:
    """A parameter of numbers 1, 2, …, and a gradient of ones."""
    whole = torch.arange(1.0, 1 + rows * width, dtype=torch.float64).view(rows, width)
    mesh = mesh_of(dist.get_world_size())
    param = nn.Parameter(distribute_tensor(whole, mesh, placements))
    param.grad = distribute_tensor(torch.ones_like(whole), mesh, placements)
    return param


def held_by_one() -> dict[str, Any]:
    """A tensor of one row: all processes but the first hold nothing of all that there is."""
    param = spread(1, Shard(0))
    optimizer = Optimizer([{"params": [param], "name": "one"}], "sgd", lr=0.5, clip_norm=0.1, backend="torch")
    optimizer.step()
    return {"whole": param.full_tensor().tolist(), "told": tuple(optimizer.statistics()["one"])}  # type: ignore[attr-defined]  # DTensor's


def rows_of_shards() -> dict[str, Any]:
    """Ten rows on four processes: the last holds one, and they alone learn at first."""
    param = spread(10, Shard(0), width=2)
    rows = [{"name": "table", "start": 9, "stop": 10, "lr": 0.1}]
    group = {"params": [param], "param_names": ["table"], "name": "table", "lr": 0.0, "rows": rows}
    optimizer = Optimizer([group], "adam", backend="torch")
    optimizer.step()
    state = optimizer.state[param]
    counts = [state["row_step"].tolist()]
    optimizer.param_groups[0]["lr"] = 0.1
    optimizer.step()
    counts.append(state["row_step"].tolist())
    told = optimizer.statistics("segment")
    memory = Memory(optimizer.state, {}, counted=True)
    family = ALGORITHMS["adam"]
    memory.forget_rows(param, family.of(family.defaults), group, slice(2, 7))
    return {
        "whole": param.full_tensor().tolist(),  # type: ignore[attr-defined]  # DTensor's
        "counts": counts,
        "segments": {name: one.nonfinite for name, one in told.items()},
        "forgotten": state["row_step"].tolist(),
        "moments": state["exp_avg"].full_tensor()[:, 0].count_nonzero().item(),
    }


def rows_as_whole(placement: Any) -> bool:
    """Six rows on four processes, the last of which holds none of them, against the same on each alone."""
    param = spread(6, placement, width=2)
    twin = nn.Parameter(param.full_tensor().detach().clone())  # type: ignore[attr-defined]  # DTensor's
    twin.grad = torch.ones_like(twin)
    rows = [
        {"name": "table", "start": 1, "stop": 3, "lr": 0.5},
        {"name": "table", "start": 5, "stop": 6, "lr": 0.0},
    ]
    for one in (param, twin):
        group = {"params": [one], "param_names": ["table"], "lr": 0.1, "rows": rows}
        optimizer = Optimizer([group], "adam", backend="torch")
        for step in range(3):
            rows[1]["lr"] = 0.3 * step
            optimizer.step()
    return torch.equal(param.full_tensor(), twin)  # type: ignore[attr-defined]  # DTensor's


def partial_sums() -> dict[str, Any]:
    """A gradient of which each process has a summand, as backward leaves it of a replicated tensor."""
    param = spread(3, Replicate())
    mesh = param.device_mesh  # type: ignore[attr-defined]  # DTensor's
    mine = torch.full((3, 1), float(dist.get_rank() + 1), dtype=torch.float64)
    param.grad = DTensor.from_local(mine, mesh, [Partial()])
    optimizer = Optimizer([{"params": [param], "name": "one"}], "sgd", lr=1.0, backend="torch")
    optimizer.step()
    return {
        "here": param.to_local().flatten().tolist(),  # type: ignore[attr-defined]  # DTensor's
        "norm": optimizer.statistics()["one"].grad_norm,
    }


def placed_state() -> dict[str, Any]:
    """The state is placed as its parameter is, also where a whole one was loaded."""
    param = spread(5, Shard(0))
    optimizer = Optimizer([param], "adam", backend="torch")
    optimizer.step()
    made = optimizer.state[param]["exp_avg"]
    whole = made.full_tensor() * 2
    optimizer.state[param]["exp_avg"] = whole.clone()
    optimizer.step()
    after = optimizer.state[param]["exp_avg"]
    return {
        "same": made.placements == param.placements == after.placements,  # type: ignore[attr-defined]  # DTensor's
        "plain": not isinstance(optimizer.state[param]["step"], DTensor),
        "moments": after.full_tensor().allclose(whole * 0.9 + 0.1),
    }


def needs_norms() -> None:
    Optimizer([spread(5, Shard(0))], "lamb", backend="torch").step()


def read_by_one() -> dict[str, Any]:
    """Only the first reads, at some steps; its copy too, after the others have gone on."""
    model = fully(network())
    optimizer = Optimizer(Run().groups(model), backend="torch")
    read = []
    for step in range(4):
        optimizer.zero_grad()
        loss_at(model, step, shared=share()).backward()
        optimizer.step()
        if dist.get_rank() == 0 and step % 2:
            read.append(optimizer.statistics()["head.weight"].grad_norm)
    twin = optimizer.statistics() if dist.get_rank() else copy.copy(optimizer).statistics()
    return {"read": read, "last": twin["head.weight"].grad_norm}


def half_precision() -> dict[str, Any]:
    """Layers compute in bfloat16, weights and steps stay float32."""
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    return told_of(Run(dtype=torch.float32), partial(fully, mp_policy=policy), share())


def stage() -> dict[str, Any]:
    """Two stages of a pipeline on a mesh of their own each; one has more layers, and steps more often."""
    mesh = mesh_of(2, 2)
    place = mesh.get_coordinate()[0]
    model = nn.Sequential(*(nn.Linear(3, 3, dtype=torch.float64) for _ in range(1 + place)))
    fully_shard(model, mesh=mesh["tp"])
    optimizer = Optimizer(
        model.parameters(), "sgd", lr=0.1, clip_norm=0.5, skip_nonfinite=True, backend="torch"
    )
    for step in range(2 + 2 * place):
        optimizer.zero_grad()
        loss = model(torch.ones(1, 3, dtype=torch.float64) * step).square().sum()
        loss.backward()
        optimizer.step()
    assert optimizer._sharing is not None
    return {"ranks": optimizer._sharing.ranks, "norm": optimizer.statistics()["0"].grad_norm}


def _runs(wraps: dict[str, tuple[str, ...]]) -> dict[str, Scenario]:
    return {f"{wrap}, {run}": partial(run_of, wrap, run) for wrap, runs in wraps.items() for run in runs}


def _messages() -> dict[str, Scenario]:
    return {
        "sent, sharded": partial(messages, fully),
        "sent, clipping": partial(messages, fully, group={"clip_norm": 0.1}),
        "sent, skipping": partial(messages, fully, skip_nonfinite=True),
        "sent, untold": partial(messages, fully, statistics=False),
        "sent, replicas": partial(messages, DistributedDataParallel, group={"clip_norm": 0.1}),
        "sent, alone": partial(messages, None, group={"clip_norm": 0.1}),
    }


TWO: dict[str, Scenario] = {
    **_runs({"fully": tuple(RUNS), "tensor": ("rates", "clipped", "rows", "masters")}),
    **_messages(),
    "half precision": half_precision,
    "partial sums": partial_sums,
    "placed state": placed_state,
    "needs norms": needs_norms,
    "read by one": read_by_one,
    "held by one": held_by_one,
}

FOUR: dict[str, Scenario] = {
    **_runs(
        {
            "fully": ("rates", "rows", "clipped", "broken"),
            "tensor": ("rates", "rows"),
            "both": ("rates", "rows", "clipped", "broken"),
            "repeated": ("rows", "clipped", "broken"),
            "apart": ("rows", "clipped"),
        }
    ),
    "held by one": held_by_one,
    "rows of shards": rows_of_shards,
    "rows, dealt out": partial(rows_as_whole, Shard(0)),
    "rows, cut through": partial(rows_as_whole, Shard(1)),
    "rows, repeated": partial(rows_as_whole, Replicate()),
    "partial sums": partial_sums,
    "stage": stage,
}
