"""Logs have every group's rate under its name, and what the last step did."""

import math

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.logs import numbers


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(10, 4), nn.Linear(4, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.embed(tokens))
        return scores


def recipe(**options: object) -> pg.Recipe:
    rules = [pg.rule("head", lr_scale=10), pg.rule("embed.weight[8:]", lr_scale=5)]
    return pg.Recipe(optimizer="sgd", lr=0.1, schedule=pg.schedules.linear(), rules=rules, **options)  # type: ignore[arg-type]  # as a user writes it


def test_rates_stand_under_the_names_of_groups_and_rows() -> None:
    model = Network()
    optimizer, scheduler = pg.build(pg.plan(model, recipe(), steps=4))
    assert numbers(scheduler) == {"lr/default": 0.1, "lr/head": 1.0, "lr/embed.weight[8:10]": 0.5}
    model(torch.arange(10)).sum().backward()
    optimizer.step()
    scheduler.step()
    assert numbers(scheduler) == pytest.approx(
        {"lr/default": 0.075, "lr/head": 0.75, "lr/embed.weight[8:10]": 0.375}
    )


def test_statistics_are_those_of_the_last_step() -> None:
    model = Network()
    optimizer, scheduler = pg.build(pg.plan(model, recipe(), steps=4))
    norm = math.sqrt(sum(float(one.detach().square().sum()) for one in model.head.parameters()))
    model(torch.arange(10)).sum().backward()
    grads = math.sqrt(
        sum(float(one.grad.square().sum()) for one in model.head.parameters() if one.grad is not None)
    )
    optimizer.step()
    found = numbers(scheduler, statistics=True)
    assert found["grad_norm/head"] == pytest.approx(grads)
    assert found["weight_norm/head"] == pytest.approx(norm)
    assert found["update_ratio/head"] == pytest.approx(1.0 * grads / norm)
    assert set(found) == {"lr/embed.weight[8:10]"} | {
        f"{what}/{group}"
        for what in ("lr", "grad_norm", "weight_norm", "update_ratio")
        for group in ("default", "head")
    }


def test_before_the_first_step_there_are_rates_alone() -> None:
    model = Network()
    _, scheduler = pg.build(pg.plan(model, recipe(), steps=4))
    assert numbers(scheduler, statistics=True) == numbers(scheduler)


def test_without_statistics_there_are_rates_alone() -> None:
    model = Network()
    optimizer, scheduler = pg.build(pg.plan(model, recipe(), steps=4), statistics=False)
    model(torch.arange(10)).sum().backward()
    optimizer.step()
    assert numbers(scheduler, statistics=True) == numbers(scheduler)


def test_an_optimizer_of_torch_has_rates_too() -> None:
    model = Network()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", lr_scale=10)]))
    scheduler = pg.Scheduler(torch.optim.SGD(plan.param_groups()), plan)
    assert numbers(scheduler, statistics=True) == {"lr/default": 0.1, "lr/head": 1.0}


def test_a_rate_in_a_tensor_is_a_number() -> None:
    model = Network()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.5))
    groups = [group | {"lr": torch.tensor(group["lr"])} for group in plan.param_groups()]
    found = numbers(pg.Scheduler(torch.optim.SGD(groups), plan))
    assert found == {"lr/default": 0.5}
    assert type(found["lr/default"]) is float


def test_while_it_waits_for_its_turn_the_rates_are_those_that_another_writes() -> None:
    model = Network()
    optimizer, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.5), epochs=10))
    first = torch.optim.lr_scheduler.ConstantLR(optimizer, 0.5, 2)
    torch.optim.lr_scheduler.SequentialLR(optimizer, [first, scheduler], [2])
    assert numbers(scheduler) == {"lr/default": 0.25}


def test_another_scheduler_is_told() -> None:
    scheduler = torch.optim.lr_scheduler.StepLR(torch.optim.SGD(Network().parameters()), 1)
    with pytest.raises(HostError, match=r"is no pg.Scheduler: pg.build\(plan\) makes one"):
        numbers(scheduler)  # type: ignore[arg-type]  # that is the mistake
