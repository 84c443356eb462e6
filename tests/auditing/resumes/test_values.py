"""What a load does to values: rates before their schedule, decay, and what a schedule drives."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import (
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

from tests.auditing.resumes.resumes import look, saved, train
from tests.auditing.setups import codes, small


def adamw(lr: Any = 0.1, **options: Any) -> Any:
    return lambda model: AdamW(model.parameters(), lr=lr, **options)


def test_a_changed_rate_is_told_with_both_values_and_what_to_write() -> None:
    model = small()
    findings = look(model, adamw(lr=1e-4)(model), saved(small(), adamw(lr=3e-4)))
    assert codes(findings) == ["PG305"]
    assert "group 0: lr 0.0001 now, 0.0003 saved" in findings[0].message
    assert "optimizer.param_groups[0].update(lr=0.0001)" in findings[0].fix


def test_a_changed_decay_and_beta_are_told() -> None:
    model = small()
    findings = look(model, adamw(weight_decay=0.2, betas=(0.8, 0.99))(model), saved(small(), adamw()))
    assert "weight_decay 0.2 now, 0.01 saved, beta1 0.8 now, 0.9 saved, beta2" in findings[0].message or (
        "beta1 0.8 now, 0.9 saved" in findings[0].message and "weight_decay 0.2 now" in findings[0].message
    )
    assert "betas=(0.8, 0.99)" in findings[0].fix


def test_rates_are_compared_before_their_schedule() -> None:
    def annealed(optimizer: Any) -> StepLR:
        return StepLR(optimizer, 1, gamma=0.5)

    model = small()
    optimizer = adamw()(model)
    scheduler = annealed(optimizer)
    assert not look(model, optimizer, saved(small(), adamw(), annealed), scheduler)
    findings = look(model, optimizer, saved(small(), adamw(lr=0.3), annealed), scheduler)
    assert codes(findings) == ["PG305"]
    assert "lr 0.1 now, 0.3 saved before its schedule" in findings[0].message
    assert "initial_lr=0.1" in findings[0].fix


SCHEDULES: dict[str, Any] = {
    "step": lambda o: StepLR(o, 2),
    "multistep": lambda o: MultiStepLR(o, [2, 5]),
    "exponential": lambda o: ExponentialLR(o, 0.9),
    "lambda": lambda o: LambdaLR(o, lambda tick: 0.9**tick),
    "polynomial": lambda o: PolynomialLR(o, 10),
    "restarts": lambda o: CosineAnnealingWarmRestarts(o, 2),
    "one-cycle": lambda o: OneCycleLR(o, max_lr=0.5, total_steps=10),
    "cyclic": lambda o: CyclicLR(o, base_lr=0.01, max_lr=0.5, step_size_up=4),
    "sequence": lambda o: SequentialLR(o, [LinearLR(o, 0.1), StepLR(o, 3)], [2]),
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("handed_in", [True, False], ids=["with-scheduler", "without-scheduler"])
def test_the_same_run_again_is_sound_under_each_scheduler(name: str, handed_in: bool) -> None:  # noqa: FBT001  # a case
    def make(model: nn.Module) -> SGD:
        return SGD(model.parameters(), lr=0.1, momentum=0.9)

    model = small()
    optimizer = make(model)
    scheduler = SCHEDULES[name](optimizer) if handed_in else None
    assert not look(model, optimizer, saved(small(), make, SCHEDULES[name]), scheduler)


def test_one_cycle_drives_beta1_too() -> None:
    model = small()
    optimizer = Adam(model.parameters(), lr=0.1)
    checkpoint = saved(small(), lambda m: Adam(m.parameters(), lr=0.1), SCHEDULES["one-cycle"])
    assert checkpoint["optimizer"]["param_groups"][0]["betas"][0] != optimizer.param_groups[0]["betas"][0]
    assert not look(model, optimizer, checkpoint, SCHEDULES["one-cycle"](optimizer))


def test_a_cut_of_a_plateau_is_no_difference() -> None:
    old, model = small(), small()
    optimizer = adamw()(old)
    scheduler = ReduceLROnPlateau(optimizer, patience=0)
    train(old, optimizer)
    for metric in (1.0, 2.0, 3.0):
        scheduler.step(metric)
    checkpoint = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    assert checkpoint["optimizer"]["param_groups"][0]["lr"] < 0.01
    live = adamw()(model)
    assert not look(model, live, checkpoint, ReduceLROnPlateau(live, patience=0))
    assert not look(model, live, checkpoint)


def test_a_rate_in_a_tensor_is_the_same_rate() -> None:
    model = small()
    assert not look(model, adamw(lr=0.1)(model), saved(small(), adamw(lr=torch.tensor(0.1))))


def test_counters_that_an_optimizer_keeps_in_its_groups_are_no_values() -> None:
    model = small()
    checkpoint = saved(small(), adamw())
    checkpoint["optimizer"]["param_groups"][0].update(k=7, weight_sum=0.3, d=1e-3)
    optimizer = adamw()(model)
    optimizer.param_groups[0].update(k=0, weight_sum=0.0, d=1e-6)
    assert not look(model, optimizer, checkpoint)
