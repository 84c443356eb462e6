"""Decay that does not follow the rate, as it is applied: against AdamW's paper and optimi written out."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

import paramgroups as pg
from paramgroups.schedules import cosine, linear, warmup

WD, STEPS = 2e-3, 20
BETAS, EPS = (0.9, 0.99), 1e-8


def toy() -> nn.ModuleDict:
    draw = torch.Generator().manual_seed(0)
    parts = {name: nn.Linear(3, 3, bias=False, dtype=torch.float64) for name in ("low", "high")}
    for part in parts.values():
        part.weight.data = torch.randn(3, 3, generator=draw, dtype=torch.float64)
    return nn.ModuleDict(parts)


def gradient(step: int, size: torch.Size) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(step), dtype=torch.float64)


def planned(model: nn.Module, *rules: pg.Rule, **said: Any) -> pg.Plan:
    settings: dict[str, Any] = {
        "optimizer": "adamw",
        "lr": 0.01,
        "weight_decay": WD,
        "decay": "independent",
        "betas": BETAS,
        "schedule": warmup(5).then(cosine(end=0.1)),
    }
    recipe = pg.Recipe(rules=[pg.rule("low", lr_scale=0.1), *rules], **(settings | said))
    return pg.plan(model, recipe, steps=STEPS)


def plain(plan: pg.Plan, model: nn.Module) -> tuple[Optimizer, pg.Scheduler]:
    optimizer = AdamW(plan.param_groups(), lr=1.0)
    return optimizer, pg.Scheduler(optimizer, plan, model=model)


def ours(plan: pg.Plan, model: nn.Module) -> tuple[Optimizer, pg.Scheduler]:
    return pg.build(plan, model)


def train(
    model: nn.Module, optimizer: Optimizer, scheduler: pg.Scheduler, steps: range = range(STEPS)
) -> list[dict[str, float]]:
    """The strength of decay of each group in each update."""
    strengths = []
    for step in steps:
        for parameter in model.parameters():
            parameter.grad = gradient(step, parameter.shape)
        strengths.append({str(g["name"]): g["lr"] * g["weight_decay"] for g in optimizer.param_groups})
        optimizer.step()
        scheduler.step()
    return strengths


def paper(weight: torch.Tensor, rate: float, eta: Callable[[int], float]) -> torch.Tensor:
    """Algorithm 2 of arXiv 1711.05101: x - eta_t (rate m / (sqrt(v) + eps) + wd x)."""
    first, second = torch.zeros_like(weight), torch.zeros_like(weight)
    for step in range(STEPS):
        found = gradient(step, weight.shape)
        first = BETAS[0] * first + (1 - BETAS[0]) * found
        second = BETAS[1] * second + (1 - BETAS[1]) * found.square()
        unbiased = first / (1 - BETAS[0] ** (step + 1)), second / (1 - BETAS[1] ** (step + 1))
        moved = rate * unbiased[0] / (unbiased[1].sqrt() + EPS)
        weight = weight - eta(step) * (moved + WD * weight)
    return weight


@pytest.mark.parametrize("make", [plain, ours])
def test_it_is_adamw_as_its_paper_has_it(make: Callable[..., tuple[Optimizer, pg.Scheduler]]) -> None:
    model = toy()
    plan = planned(model)
    eta = plan.groups[0].courses["lr"].factor
    begun = copy.deepcopy(model)
    train(model, *make(plan, model))
    for name, rate in (("low", 0.001), ("high", 0.01)):
        expected = paper(begun.get_parameter(f"{name}.weight").detach(), rate, eta)
        found = model.get_parameter(f"{name}.weight").detach()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_it_is_optimis_decouple_lr() -> None:
    """There a weight shrinks by (lr / max_lr) weight_decay."""
    model = toy()
    plan = planned(model)
    optimizer, scheduler = ours(plan, model)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            largest = {"low": 0.001}.get(group["name"], 0.01)
            assert group["lr"] * group["weight_decay"] == pytest.approx(group["lr"] / largest * WD, rel=1e-12)
        train(model, optimizer, scheduler, range(step, step + 1))


def test_coupled_is_as_torch_has_it() -> None:
    model = toy()
    twin = copy.deepcopy(model)
    train(model, *ours(planned(model, decay="coupled", schedule=None), model))
    low: dict[str, Any] = {"params": twin["low"].parameters(), "lr": 0.001}
    groups = [low, {"params": twin["high"].parameters()}]
    optimizer = AdamW(groups, lr=0.01, betas=BETAS, weight_decay=WD)
    for step in range(STEPS):
        for parameter in twin.parameters():
            parameter.grad = gradient(step, parameter.shape)
        optimizer.step()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("said", [{"lr_scale": 0.3}, {"lr": 0.5}, {"lr": 1e-7}], ids=str)
def test_edits_of_the_rate_leave_it(said: dict[str, Any]) -> None:
    model = toy()
    optimizer, scheduler = ours(plan := planned(model, schedule=linear()), model)
    train(model, optimizer, scheduler, range(5))
    scheduler.set("low", **said)
    told = train(model, optimizer, scheduler, range(5, 10))
    expected = [WD * (1 - step / STEPS) for step in range(5, 10)]
    assert [one["low"] for one in told] == pytest.approx(expected, rel=1e-12)
    run = plan.replay(scheduler.journal)
    assert optimizer.param_groups[0]["weight_decay"] == run.at(10)["low.weight"].weight_decay
    assert "decay independent of the rate" in str(scheduler.explain("low.weight"))


def test_edits_of_decay_are_in_its_own_terms() -> None:
    model = toy()
    optimizer, scheduler = ours(planned(model, schedule=None), model)
    scheduler.set("low", weight_decay=0.004)
    scheduler.set("high", weight_decay_scale=0.5)
    told = train(model, optimizer, scheduler, range(1))[0]
    assert [told["low"], told["default"]] == pytest.approx([0.004, WD / 2])


def test_a_rate_of_0_has_none_and_the_next_rate_has_it_again() -> None:
    model = toy()
    optimizer, scheduler = ours(planned(model, schedule=None), model)
    scheduler.set("low", lr=0.0)
    assert optimizer.param_groups[0]["weight_decay"] == 0.0
    scheduler.set("low", lr=0.2)
    assert optimizer.param_groups[0]["weight_decay"] == pytest.approx(0.01)


@pytest.mark.parametrize("before_update", [False, True])
def test_what_is_written_into_the_rate_leaves_it_from_the_next_tick_on(before_update: bool) -> None:  # noqa: FBT001  # a case
    model = toy()
    optimizer, scheduler = ours(plan := planned(model, schedule=None), model)
    for step in range(4):
        if step == 2 and before_update:
            optimizer.param_groups[0]["lr"] *= 0.5
        for parameter in model.parameters():
            parameter.grad = gradient(step, parameter.shape)
        optimizer.step()
        applied = optimizer.param_groups[0]["lr"] * optimizer.param_groups[0]["weight_decay"]
        if step == 2 and not before_update:
            optimizer.param_groups[0]["lr"] *= 0.5
        scheduler.step()
        row = plan.replay(scheduler.journal).at(step)["low.weight"]
        assert row.lr * row.weight_decay == pytest.approx(applied, rel=1e-12)
    group = optimizer.param_groups[0]
    assert group["lr"] == 0.0005
    assert group["lr"] * group["weight_decay"] == pytest.approx(WD, rel=1e-12)


def test_what_is_written_into_decay_is_a_factor_of_it() -> None:
    model = toy()
    optimizer, scheduler = ours(planned(model, schedule=None), model)
    train(model, optimizer, scheduler, range(1))
    optimizer.param_groups[0]["weight_decay"] *= 2
    scheduler.step()
    scheduler.scale("low", 0.1)
    group = optimizer.param_groups[0]
    assert group["lr"] * group["weight_decay"] == pytest.approx(2 * WD, rel=1e-12)


def test_a_group_that_joins_has_it_in_the_terms_of_the_recipe() -> None:
    model = toy()
    optimizer, scheduler = ours(planned(model, schedule=None), model)
    train(model, optimizer, scheduler, range(2))
    late = nn.Parameter(torch.ones(2))
    optimizer.add_param_group({"params": [("late", late)], "name": "late", "lr": 0.5, "weight_decay": 0.001})
    scheduler.state_dict()
    assert optimizer.param_groups[-1]["weight_decay"] == 0.002
    scheduler.scale("late", 0.1)
    assert optimizer.param_groups[-1]["weight_decay"] == pytest.approx(0.02)


def test_another_length_leaves_it_to_the_schedule() -> None:
    model = toy()
    optimizer, scheduler = ours(planned(model, schedule=linear()), model)
    train(model, optimizer, scheduler, range(10))
    scheduler.extend(steps=40)
    told = train(model, optimizer, scheduler, range(10, 12))
    assert [one["low"] for one in told] == pytest.approx([WD * 0.75, WD * (1 - 11 / 40)], rel=1e-12)


def test_a_resumed_run_goes_on_exactly() -> None:
    whole, model = toy(), toy()
    optimizer, scheduler = ours(planned(whole), whole)
    train(whole, optimizer, scheduler, range(5))
    scheduler.scale("low", 0.3)
    train(whole, optimizer, scheduler, range(5, 8))
    saved = copy.deepcopy((whole.state_dict(), optimizer.state_dict(), scheduler.state_dict()))
    train(whole, optimizer, scheduler, range(8, STEPS))
    optimizer, scheduler = ours(planned(model), model)
    model.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    scheduler.load_state_dict(saved[2])
    train(model, optimizer, scheduler, range(8, STEPS))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), model.parameters(), strict=True))


def test_an_edit_that_decay_cannot_follow_is_refused() -> None:
    model = toy()
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, weight_decay=WD, decay="independent")
    plan = pg.plan(model, recipe, steps=STEPS)
    _, scheduler = pg.build(plan, model)
    with pytest.raises(pg.errors.PlanError, match="gathers it in its momentum"):
        scheduler.set("**", momentum=0.9)
    twin = SGD(plan.param_groups(), lr=1.0)
    assert twin.param_groups[0]["weight_decay"] == pytest.approx(0.02)
