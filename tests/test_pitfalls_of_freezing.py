"""What goes wrong with guards and with thaws on plain torch, and here does not."""

import copy
import math
from collections import deque

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

import paramgroups as pg
from paramgroups.control import nonfinite, spike
from tests.pitfall_models import Net, backward, net

WINDOW, LEAST, SIGMAS = 16, 8, 6.0


@pytest.fixture
def model() -> Net:
    return net()


class SkipStep:
    """The usual guard: the norm against the mean and the deviation of all norms lately, and a factor of 0."""

    def __init__(self) -> None:
        self.norms = deque[float](maxlen=WINDOW)

    def factor(self, norm: float) -> float:
        self.norms.append(norm)
        before = list(self.norms)[:-1]
        if len(before) < LEAST:
            return 1.0
        bound = np.mean(before) + SIGMAS * np.std(before)
        return 1.0 if norm <= bound else 0.0

    def step(self, optimizer: Optimizer) -> bool:
        """A step with gradients times 0 where it is skipped; whether it was made."""
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = float(torch.stack([grad.norm() for grad in grads]).norm())
        factor = self.factor(norm)
        for grad in grads:
            grad.mul_(factor)
        optimizer.step()
        return factor == 1.0


def norm_of(weight: torch.Tensor, value: float) -> None:
    weight.grad = torch.zeros_like(weight)
    weight.grad.view(-1)[0] = value


NORMS = [1.0, 1.1, 0.9, 1.05, 0.95, 1.1, 0.9, 1.0, 1.05, 0.95]
FAULTS = {"one NaN": [math.nan], "equal spikes": [100.0, 100.0, 100.0]}


@pytest.mark.parametrize("fault", FAULTS)
def test_26_a_guard_by_mean_and_deviation_is_blinded_by_what_it_skips(fault: str) -> None:
    weight, guard = nn.Parameter(torch.ones(2)), SkipStep()
    plain = SGD([weight], lr=0.01)
    made = []
    for norm in [*NORMS, *FAULTS[fault], *NORMS[:4]]:
        norm_of(weight, norm)
        made.append(guard.step(plain))
    bad = made[len(NORMS) : -4]
    if fault == "one NaN":
        assert not any(made[len(NORMS) + 1 :])  # all good steps after it
        assert weight.isnan().any()  # 0 × NaN
    else:
        assert bad == [False, True, True]  # the second and third pass


@pytest.mark.parametrize("fault", FAULTS)
def test_26_here_each_is_held_back_and_nothing_else(fault: str) -> None:
    holder = nn.Linear(2, 1, bias=False)
    guards = [nonfinite(), spike(least=LEAST)]
    plan = pg.plan(holder, pg.Recipe(optimizer="adamw", lr=0.01, controllers=guards), steps=40)
    optimizer, scheduler = pg.build(plan)
    for norm in [*NORMS, *FAULTS[fault], *NORMS[:4]]:
        norm_of(holder.weight, norm)
        optimizer.step()
        scheduler.step()
    held = [int(event.step) for event in scheduler.journal]
    assert held == list(range(len(NORMS), len(NORMS) + len(FAULTS[fault])))
    assert holder.weight.isfinite().all()
    assert all(tensor.isfinite().all() for tensor in optimizer.state[holder.weight].values())


def test_26_the_usual_guard_forgets_over_a_resume_and_here_none_does() -> None:
    guard = SkipStep()
    for norm in NORMS:
        guard.factor(norm)
    assert guard.factor(100.0) == 0.0
    assert SkipStep().factor(100.0) == 1.0  # begun anew, it lets pass what it skipped before

    holder = nn.Linear(2, 1, bias=False)
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, controllers=[spike(least=LEAST)])
    optimizer, scheduler = pg.build(pg.plan(holder, recipe, steps=40))
    for norm in NORMS:
        norm_of(holder.weight, norm)
        optimizer.step()
        scheduler.step()
    again = copy.deepcopy(holder)
    resumed, on = pg.build(pg.plan(again, recipe, steps=40))
    resumed.load_state_dict(optimizer.state_dict())
    on.load_state_dict(scheduler.state_dict())
    norm_of(again.weight, 100.0)
    resumed.step()
    on.step()
    assert [event.action for event in on.journal] == ["skip"]


def not_yet_held(params: list[nn.Parameter], optimizer: Optimizer) -> list[nn.Parameter]:
    """What is not in the optimizer, as some ask it: by equal values."""
    held = [param for group in optimizer.param_groups for param in group["params"]]
    return [param for param in params if not any(torch.equal(param, one) for one in held)]


def test_28_what_thaws_is_taken_for_another_by_its_values() -> None:
    model = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4), nn.LayerNorm(4))  # both norms fresh: ones, zeros
    plain = AdamW(model[2].parameters(), lr=0.1)
    thawed = not_yet_held(list(model[:2].parameters()), plain)
    plain.add_param_group({"params": thawed})
    before = {name: param.detach().clone() for name, param in model.named_parameters()}
    model(torch.randn(8, 4)).square().sum().backward()
    plain.step()
    assert torch.equal(model.get_parameter("0.weight"), before["0.weight"])  # never trained

    other = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4), nn.LayerNorm(4))
    recipe = pg.Recipe(optimizer="adamw", lr=0.1, rules=[pg.rule('"0" | "1"', trainable=False, until=1)])
    optimizer, scheduler = pg.build(pg.plan(other, recipe, steps=9))
    for _ in range(2):
        before = {name: param.detach().clone() for name, param in other.named_parameters()}
        optimizer.zero_grad()
        other(torch.randn(8, 4)).square().sum().backward()
        optimizer.step()
        scheduler.step()
    assert not any(torch.equal(param, before[name]) for name, param in other.named_parameters())


def test_16_a_guard_cuts_the_group_that_runs_away_and_no_other(model: Net) -> None:
    """A bound on a metric cuts all rates at each bad epoch; a bound on updates the one that is too high."""
    guards = [pg.control.ratio("@Linear", high=0.05, patience=0)]
    rules = [pg.rule("body", group="body"), pg.rule("head", group="head", lr_scale=100)]
    recipe = pg.Recipe(optimizer="sgd", lr=0.01, rules=rules, controllers=guards)
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=9))
    for _ in range(4):
        optimizer.zero_grad()
        backward(model)
        optimizer.step()
        scheduler.step()
    assert {name for event in scheduler.journal for name in event.names} == {"head.weight", "head.bias"}
    assert scheduler.rates["body"] == 0.01
    assert scheduler.rates["head"] < 0.5
