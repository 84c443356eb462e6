"""Sound set-ups of plain torch: schedulers that keep what the groups say."""

from typing import Any

from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
)
from torch.optim.swa_utils import SWALR

from tests.auditing.corpus.cases import Setup, sound
from tests.auditing.corpus.networks import Classifier, Language, decay_groups, train
from tests.auditing.corpus.schedules_of_torch import two_rates, two_rates_of_sgd


@sound()
def one_cycle_with_a_maximum_for_each() -> Setup:
    model, optimizer = two_rates(1e-4, 1e-3)
    scheduler = OneCycleLR(optimizer, max_lr=[1e-4, 1e-3], total_steps=200)
    return Setup(model, optimizer, scheduler, {"steps": 200})


@sound()
def one_cycle_for_one_rate() -> Setup:
    model = Classifier()
    optimizer = AdamW(decay_groups(model, 0.05), lr=1e-3)
    scheduler = OneCycleLR(optimizer, max_lr=1e-3, epochs=4, steps_per_epoch=25)
    train(model, optimizer, 30, scheduler.step)
    return Setup(model, optimizer, scheduler, {"epochs": 4, "steps_per_epoch": 25})


@sound()
def a_cycle_for_each() -> Setup:
    model, optimizer = two_rates_of_sgd(0.001, 0.01)
    scheduler = CyclicLR(optimizer, base_lr=[0.0005, 0.005], max_lr=[0.001, 0.01], step_size_up=40)
    return Setup(model, optimizer, scheduler)


@sound()
def averaging_at_a_rate_for_each() -> Setup:
    model, optimizer = two_rates_of_sgd(0.005, 0.05)
    lows: Any = [0.002, 0.02]
    return Setup(model, optimizer, SWALR(optimizer, swa_lr=lows, anneal_epochs=5))


@sound()
def warmup_then_cosine() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    warm = LinearLR(optimizer, start_factor=0.01, total_iters=10)
    cosine = CosineAnnealingLR(optimizer, T_max=90)
    scheduler = SequentialLR(optimizer, [warm, cosine], milestones=[10])
    train(model, optimizer, 20, scheduler.step)
    return Setup(model, optimizer, scheduler, {"steps": 100})


@sound()
def several_at_once() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1)
    parts: list[LRScheduler] = [
        ConstantLR(optimizer, factor=0.1, total_iters=5),
        ExponentialLR(optimizer, gamma=0.97),
    ]
    scheduler = ChainedScheduler(parts)
    train(model, optimizer, 9, scheduler.step)
    return Setup(model, optimizer, scheduler)


@sound()
def warmup_from_nothing() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = LambdaLR(optimizer, lambda step: min(1.0, step / 50))
    return Setup(model, optimizer, scheduler)


@sound()
def the_transformers_formula_at_a_rate_of_one() -> Setup:
    model = Language()
    optimizer = Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)

    def noam(step: int) -> float:
        step = max(step, 1)
        return float(16**-0.5 * min(step**-0.5, step * 4000**-1.5))

    scheduler = LambdaLR(optimizer, noam)
    train(model, optimizer, 5, scheduler.step)
    return Setup(model, optimizer, scheduler)


@sound()
def a_lambda_for_each_group() -> Setup:
    model, optimizer = two_rates(1e-4, 1e-3)
    factors = [lambda epoch: 0.98**epoch, lambda epoch: 0.95**epoch]
    return Setup(model, optimizer, LambdaLR(optimizer, factors))


@sound()
def a_floor_below_all() -> Setup:
    model, optimizer = two_rates(1e-4, 1e-3)
    return Setup(model, optimizer, CosineAnnealingLR(optimizer, T_max=80, eta_min=1e-6), {"epochs": 80})


@sound()
def restarts() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=2)
    train(model, optimizer, 14, scheduler.step)
    return Setup(model, optimizer, scheduler, {"epochs": 70})


@sound()
def cut_at_two_epochs() -> Setup:
    model, optimizer = two_rates_of_sgd(0.01, 0.1)
    scheduler = MultiStepLR(optimizer, milestones=[30, 60], gamma=0.1)
    return Setup(
        model,
        optimizer,
        {"scheduler": scheduler, "interval": "epoch"},
        {"epochs": 90, "steps_per_epoch": 100},
    )


@sound()
def the_same_factor_each_time() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1)
    return Setup(model, optimizer, MultiplicativeLR(optimizer, lambda _: 0.95))


@sound()
def a_polynomial_of_the_right_length() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9)
    scheduler = PolynomialLR(optimizer, total_iters=40, power=0.9)
    return Setup(
        model, optimizer, {"scheduler": scheduler, "interval": "epoch"}, {"epochs": 40, "steps_per_epoch": 10}
    )


@sound()
def a_cosine_of_epochs_ticked_by_epochs() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=30)
    return Setup(
        model,
        optimizer,
        {"scheduler": scheduler, "interval": "epoch"},
        {"epochs": 30, "steps_per_epoch": 100},
    )


@sound()
def a_plateau_that_can_cut() -> Setup:
    model, optimizer = two_rates(1e-4, 1e-3)
    return Setup(model, optimizer, ReduceLROnPlateau(optimizer, factor=0.2, patience=5, min_lr=1e-6))


@sound()
def a_schedule_with_memory() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    seen: dict[str, Any] = {"best": 1.0}
    scheduler = LambdaLR(optimizer, lambda epoch: seen["best"] / (1 + 0.02 * epoch))
    return Setup(model, optimizer, scheduler)
