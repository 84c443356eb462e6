"""No check of schedules says a word on sound ones: new, in the middle, and at their end."""

import copy
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import SGD, Adam
from torch.optim import lr_scheduler as torchs

import paramgroups as pg
from paramgroups.auditing.timing import courses, flattening, lambdas, lengths, order, plateaus
from paramgroups.errors import Finding
from tests.auditing.setups import found, small, subject_of
from tests.auditing.timing.schedules import OF_TIMM, SOUND, train, two

MODULES = (order, flattening, plateaus, lambdas, lengths, courses)


def look(model: torch.nn.Module, optimizer: object, scheduler: object, **horizon: int) -> list[Finding]:
    checks = [check for module in MODULES for check in module.CHECKS]
    return found(checks, subject_of(model, optimizer, scheduler, **horizon))


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_schedules_of_torch_and_transformers(name: str, kind: type) -> None:
    model, optimizer = two(kind=kind)
    scheduler = SOUND[name](optimizer)
    tick = (lambda: scheduler.step(1.0)) if "plateau" in name else scheduler.step
    for told in ({}, {"epochs": 100}, {"epochs": 100, "steps_per_epoch": 50}, {"steps": 100}):
        assert not look(model, optimizer, scheduler, **told)
    train(model, optimizer, 37, tick)
    assert not look(model, optimizer, scheduler)
    assert not look(model, optimizer, scheduler, steps=100)
    train(model, optimizer, 63, tick)
    assert not look(model, optimizer, scheduler, steps=100)


@pytest.mark.parametrize("name", OF_TIMM)
def test_schedules_of_timm(name: str) -> None:
    model, optimizer = two()
    scheduler = OF_TIMM[name](optimizer)
    assert not look(model, optimizer, scheduler)
    assert not look(model, optimizer, scheduler, epochs=100)
    assert not look(model, optimizer, scheduler, epochs=105, steps_per_epoch=20)  # five to cool down
    train(model, optimizer, 5)
    for epoch in range(1, 6):
        scheduler.step(epoch)
    assert not look(model, optimizer, scheduler, epochs=100, steps_per_epoch=20)


def test_two_schedulers_chained_by_hand() -> None:
    model, optimizer = two()
    warm = torchs.LinearLR(optimizer, 0.1, total_iters=5)
    cosine = torchs.CosineAnnealingLR(optimizer, T_max=95)
    train(model, optimizer, 5, warm.step)
    train(model, optimizer, 5, cosine.step)
    assert not look(model, optimizer, [warm, cosine], steps=100)


def test_the_formula_of_transformers_at_a_rate_of_one() -> None:
    model = small()
    optimizer = Adam(model.parameters(), lr=1.0)
    scheduler = torchs.LambdaLR(optimizer, lambda t: 512**-0.5 * min((t + 1) ** -0.5, (t + 1) * 4000**-1.5))
    assert not look(model, optimizer, scheduler)


def test_a_scheduler_of_ours() -> None:
    model = small()
    recipe = pg.Recipe(
        optimizer="sgd", lr=0.1, rules=[pg.rule("3", lr_scale=10)], schedule=pg.schedules.cosine()
    )
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=10))
    assert not look(model, optimizer, scheduler, steps=10)
    train(model, optimizer, 4, scheduler.step)
    assert not look(model, optimizer, scheduler, steps=10)


def test_a_resume_that_builds_first_and_then_loads_both() -> None:
    model, optimizer = two()
    scheduler = torchs.LinearLR(optimizer, 0.1, total_iters=20)
    train(model, optimizer, 6, scheduler.step)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    model, optimizer = two()
    scheduler = torchs.LinearLR(optimizer, 0.1, total_iters=20)
    optimizer.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])
    assert not look(model, optimizer, scheduler)


def test_a_resume_of_an_optimizer_without_state() -> None:
    model = small()
    optimizer = SGD(model.parameters(), lr=0.1)
    scheduler = torchs.StepLR(optimizer, 30)
    train(model, optimizer, 6, scheduler.step)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    optimizer = SGD(model.parameters(), lr=0.1)
    scheduler = torchs.StepLR(optimizer, 30)
    optimizer.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])
    assert not look(model, optimizer, scheduler)


def test_a_schedule_that_begins_at_a_later_tick() -> None:
    model = small()
    optimizer = SGD([{"params": list(model.parameters()), "initial_lr": 0.1}], lr=0.1, momentum=0.9)
    assert not look(model, optimizer, torchs.StepLR(optimizer, 30, last_epoch=9))


def test_rates_that_are_tensors() -> None:
    model = small()
    optimizer = Adam(model.parameters(), lr=torch.tensor(1e-3))
    scheduler = torchs.CosineAnnealingLR(optimizer, 50)
    train(model, optimizer, 5, scheduler.step)
    assert not look(model, optimizer, scheduler, steps=50)
    assert optimizer.param_groups[0]["lr"].item() == pytest.approx(1e-3 * 0.9755, rel=1e-3)


@pytest.mark.parametrize("name", [*SOUND, *OF_TIMM])
def test_nothing_is_changed_by_looking(name: str) -> None:
    model, optimizer = two()
    scheduler = (SOUND | OF_TIMM)[name](optimizer)
    before: Any = copy.deepcopy((optimizer.state_dict(), {k: str(v) for k, v in vars(scheduler).items()}))
    numbers: Any = np.random.get_state()  # noqa: NPY002  # users draw from it
    generators = torch.get_rng_state(), numbers[1].copy(), random.getstate()
    look(model, optimizer, scheduler, epochs=100)
    assert (optimizer.state_dict(), {k: str(v) for k, v in vars(scheduler).items()}) == before
    assert torch.equal(generators[0], torch.get_rng_state())
    numbers = np.random.get_state()  # noqa: NPY002  # likewise
    assert (generators[1] == numbers[1]).all()
    assert generators[2] == random.getstate()


def test_a_schedule_of_torch_on_an_optimizer_of_ours() -> None:
    model = small()
    optimizer = pg.Optimizer([{"params": list(model.parameters())}], "adamw", lr=1e-3)
    scheduler = torchs.CosineAnnealingLR(optimizer, 50)
    assert not look(model, optimizer, scheduler, steps=50)
    train(model, optimizer, 8, scheduler.step)
    assert not look(model, optimizer, scheduler, steps=50)
