"""Set-ups on several processes, and what the audit finds of them in each."""

import warnings

import torch
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import StepLR

import paramgroups as pg


def network() -> nn.Sequential:
    """Four linear layers without what advice is given on."""
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(8, 8) for _ in range(4)))


def split_state() -> list[str]:
    """`ZeroRedundancyOptimizer`: each process steps a part of the parameters, and all are in its groups."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of parts of its own when it is imported
        from torch.distributed.optim import ZeroRedundancyOptimizer  # noqa: PLC0415  # not all have it
    model = DistributedDataParallel(network())
    optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.Adam, lr=1e-3)
    return [finding.code for finding in pg.audit(model, optimizer, StepLR(optimizer, 5))]


def shards() -> list[str]:
    """`fully_shard`, with the optimizer built after it as it should be."""
    model = network()
    fully_shard(model)
    return [finding.code for finding in pg.audit(model, torch.optim.Adam(model.parameters(), lr=1e-3))]


def shards_too_late() -> list[str]:
    """`fully_shard` after the optimizer was built: all its tensors have been replaced."""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    fully_shard(model)
    return [finding.code for finding in pg.audit(model, optimizer)]


def copies() -> list[str]:
    """DDP, and a layer that is thawed after it has wrapped."""
    model = network()
    model[0].requires_grad_(requires_grad=False)
    wrapped = DistributedDataParallel(model)
    model[0].requires_grad_(requires_grad=True)
    return [finding.code for finding in pg.audit(wrapped, torch.optim.Adam(model.parameters(), lr=1e-3))]


def tried() -> list[str]:
    """Real steps on copies of what is spread: looked at, or told why not."""
    model = network()
    fully_shard(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    found = pg.audit(model, optimizer, loss=lambda net, x: net(x).square().mean(), batch=torch.ones(2, 8))
    return [finding.code for finding in found]
