"""Planned before a wrapper, built after it: one process, the wrappers of torch itself."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import HashStore
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.indexing import named_parameters
from paramgroups.schedules import linear
from tests.run.models import Net, net, same, train, values

RECIPE = pg.Recipe(
    optimizer="adamw",
    lr=0.01,
    schedule=linear(),
    rules=[pg.rule(":norm | :bias", weight_decay=0.0), pg.rule("head", lr_scale=10)],
)


@pytest.fixture(scope="module", autouse=True)
def one_process() -> Iterator[None]:
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def fsdp1(model: nn.Module) -> nn.Module:
    return FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))


def sharded(model: Net) -> nn.Module:
    mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    for block in model.blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def compiled(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")  # type: ignore[return-value]  # a module goes in


def checkpointed(model: Net) -> nn.Module:
    model.blocks[0] = checkpoint_wrapper(model.blocks[0])
    return model


def both(model: Net) -> nn.Module:
    return DistributedDataParallel(compiled(model))


WRAPPERS = {
    "ddp": DistributedDataParallel,
    "fsdp1": fsdp1,
    "fully_shard": sharded,
    "compile": compiled,
    "checkpoint": checkpointed,
    "compile in ddp": both,
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.filterwarnings("ignore")  # torch's wrappers warn of what is their own
def test_the_wrapped_model_trains_by_the_plan_of_the_plain_one(wrap: Any) -> None:
    plain, model = net(), net()
    plan = pg.plan(model, RECIPE, steps=8)
    wrapped = wrap(model)
    optimizer, scheduler = pg.build(plan, model=wrapped)
    assert [group["param_names"] for group in optimizer.param_groups] == [list(g.names) for g in plan.groups]
    train(wrapped, optimizer, scheduler, range(4))
    train(plain, *pg.build(pg.plan(plain, RECIPE, steps=8)), range(4))
    assert scheduler.get_last_lr() == [plan.at(4)[group.names[0]].lr for group in plan.groups]
    ours = {name: tensor.detach() for name, tensor in named_parameters(wrapped)}
    for name, tensor in plain.named_parameters():
        found = ours[name]
        full = found.full_tensor() if hasattr(found, "full_tensor") else found
        torch.testing.assert_close(full.reshape(tensor.shape), tensor.detach(), rtol=1e-5, atol=1e-6)


def test_groups_made_before_sharding_are_refused() -> None:
    model = net()
    plan = pg.plan(model, RECIPE, steps=8)
    optimizer = torch.optim.AdamW(plan.param_groups())
    wrapped = sharded(model)
    with pytest.raises(PlanError, match="Make the optimizer after whatever replaces parameters"):
        pg.Scheduler(optimizer, plan, wrapped)


@pytest.mark.filterwarnings("ignore")  # as above
def test_a_window_holds_in_a_compiled_model() -> None:
    model = net()
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("stem", trainable=False, until=3)])
    wrapped = compiled(model)
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=8), model=wrapped)
    before = values(model)
    train(wrapped.train(), optimizer, scheduler, range(3))
    assert same(before, values(model), "stem.")
    train(wrapped.train(), optimizer, scheduler, range(3, 5))
    assert model.stem[1].num_batches_tracked == 2
