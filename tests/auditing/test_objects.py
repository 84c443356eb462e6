"""Out of wrappers: what steps, and what drives."""

from importlib import import_module
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

import paramgroups as pg
from paramgroups.auditing.objects import driver_of, optimizer_within
from tests.auditing.setups import small


class Wrapper:
    """As apex, DeepSpeed and Lightning wrap an optimizer."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer


class Subclassed(torch.optim.Optimizer):
    """As Accelerate wraps one: an optimizer itself, without having been made as one."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    @property
    def param_groups(self) -> Any:  # type: ignore[override]  # as Accelerate has it
        """Those of the one within."""
        return self.optimizer.param_groups


class Hostile:
    """What raises when it is asked for anything."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def sgd() -> torch.optim.SGD:
    return torch.optim.SGD(small().parameters(), lr=0.1)


def test_an_optimizer_is_found_within_wrappers() -> None:
    inner = sgd()
    assert optimizer_within(inner) is inner
    assert optimizer_within(Wrapper(Wrapper(inner))) is inner
    assert optimizer_within(Subclassed(inner)) is inner


def test_real_accelerate_is_looked_through() -> None:
    accelerate = import_module("accelerate")
    inner = sgd()
    scheduler = lr_scheduler.StepLR(inner, 2)
    accelerator = accelerate.Accelerator(cpu=True)
    optimizer, prepared = accelerator.prepare(inner, scheduler)
    assert optimizer is not inner
    assert optimizer_within(optimizer) is inner
    driver = driver_of(prepared)
    assert driver is not None
    assert driver.scheduler is scheduler
    assert driver.optimizer is inner


@pytest.mark.parametrize(
    "odd",
    [None, 3, "adam", Hostile(), Wrapper(None), nn.Linear(1, 1)],
    ids=["none", "int", "text", "hostile", "hollow", "module"],
)
def test_what_holds_no_optimizer_gives_none(odd: object) -> None:
    assert optimizer_within(odd) is None


def test_a_wrapper_that_holds_itself_ends() -> None:
    wrapper = Wrapper(None)
    wrapper.optimizer = wrapper
    assert optimizer_within(wrapper) is None


def test_the_parts_of_chains_and_sequences() -> None:
    optimizer = sgd()
    first, second = lr_scheduler.LinearLR(optimizer), lr_scheduler.StepLR(optimizer, 3)
    sequence = lr_scheduler.SequentialLR(optimizer, [first, second], [5])
    driver = driver_of(sequence)
    assert driver is not None
    assert driver.parts == (first, second)
    assert driver.optimizer is optimizer
    assert driver.name == "SequentialLR"
    alone = driver_of(first)
    assert alone is not None
    assert alone.parts == (first,)


def test_the_dict_that_lightning_takes_tells_the_interval() -> None:
    scheduler = lr_scheduler.StepLR(sgd(), 3)
    told = driver_of({"scheduler": scheduler, "interval": "step"})
    assert told is not None
    assert (told.scheduler, told.interval) == (scheduler, "step")
    silent = driver_of({"scheduler": scheduler})
    assert silent is not None
    assert silent.interval == "epoch"


def test_our_own_scheduler_is_known() -> None:
    model = small()
    _, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1)))
    driver = driver_of(scheduler)
    assert driver is not None
    assert driver.is_ours


@pytest.mark.parametrize(
    "odd", [3, "cosine", {}, {"scheduler": None}, Hostile()], ids=["int", "text", "empty", "none", "hostile"]
)
def test_what_is_no_scheduler_gives_none(odd: object) -> None:
    assert driver_of(odd) is None
