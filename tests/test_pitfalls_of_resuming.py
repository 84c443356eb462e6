"""What goes wrong where torch loads an optimizer by position, and that it cannot go wrong so here."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import AdamW

import paramgroups as pg
from paramgroups.errors import CheckpointError

RATES = {"body": 0.001, "head": 0.1}
GRADIENTS = {"body": 1.0, "head": 10.0}


class Two(nn.Module):
    """A body and a head, each of so many numbers."""

    def __init__(self, body: int = 3, head: int = 3) -> None:
        super().__init__()
        self.body, self.head = nn.Parameter(torch.zeros(body)), nn.Parameter(torch.zeros(head))

    def groups(self, *order: str) -> list[dict[str, Any]]:
        """A group for each, with a rate of its own."""
        found = dict(self.named_parameters())
        return [
            {"params": [found[name]], "param_names": [name], "name": name, "lr": RATES[name]}
            for name in order
        ]

    def step(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """Step once; the optimizer's state."""
        for name, param in self.named_parameters():
            param.grad = torch.full_like(param, GRADIENTS[name])
        optimizer.step()
        return optimizer.state_dict()


def moments(model: Two, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """The first number of each parameter's first moment: a tenth of its gradient."""
    return {name: float(optimizer.state[param]["exp_avg"][0]) for name, param in model.named_parameters()}


def test_03_moments_and_rates_land_on_the_wrong_parameters() -> None:
    model, again = Two(), Two()
    saved = model.step(AdamW(model.groups("body", "head")))
    plain = AdamW(again.groups("head", "body"))
    plain.load_state_dict(saved)
    assert moments(again, plain) == pytest.approx({"body": 1.0, "head": 0.1})  # swapped
    assert [group["lr"] for group in plain.param_groups] == [
        0.001,
        0.1,
    ]  # the head's is too low
    assert [group["param_names"] for group in plain.param_groups] == [
        ["body"],
        ["head"],
    ]

    ours = pg.Optimizer(again.groups("head", "body"), "adamw")
    ours.load_state_dict(saved)
    assert moments(again, ours) == pytest.approx({"body": 0.1, "head": 1.0})
    assert {group["name"]: group["lr"] for group in ours.param_groups} == RATES
    assert [group["param_names"] for group in ours.param_groups] == [["head"], ["body"]]


def test_03_here_so_does_torchs_own_optimizer_under_a_scheduler() -> None:
    model, again = Two(), Two()
    saved = model.step(AdamW(model.groups("body", "head")))
    plan = pg.plan(again, pg.Recipe(optimizer="adamw", lr=0.001, rules=[pg.rule("head", lr_scale=100)]))
    plain = AdamW(plan.param_groups()[::-1])
    scheduler = pg.Scheduler(plain, plan)
    plain.load_state_dict(saved)
    assert moments(again, plain) == pytest.approx({"body": 0.1, "head": 1.0})
    assert {group["param_names"][0]: group["lr"] for group in plain.param_groups} == pytest.approx(RATES)
    assert scheduler.carried is not None
    assert sorted(scheduler.carried.kept) == ["body", "head"]


def test_03_a_state_of_three_numbers_loads_on_five() -> None:
    model, larger = Two(), Two(head=5)
    saved = model.step(AdamW(model.groups("body", "head")))
    plain = AdamW(larger.groups("body", "head"))
    plain.load_state_dict(saved)
    assert plain.state[larger.head]["exp_avg"].shape == (3,)

    ours = pg.Optimizer(larger.groups("body", "head"), "adamw")
    ours.load_state_dict(saved)
    assert ours.state[larger.body]["exp_avg"].shape == (3,)
    assert larger.head not in ours.state
    assert ours.carried is not None
    assert ours.carried.reshaped == {"head": ((3,), (5,))}


def test_03_without_names_shapes_are_looked_at() -> None:
    model, larger = Two(), Two(head=5)
    saved = model.step(AdamW(model.parameters()))
    ours = pg.Optimizer(larger.parameters(), "adamw")
    with pytest.raises(CheckpointError, match="shape"):
        ours.load_state_dict(saved)
    assert not ours.state
