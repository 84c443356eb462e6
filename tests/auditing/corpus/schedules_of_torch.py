"""Faults of torch's schedulers: what they do to the groups, and their lengths."""

from typing import Any

from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
)
from torch.optim.swa_utils import SWALR

from tests.auditing.corpus.cases import Groups, Setup, faulty
from tests.auditing.corpus.networks import Classifier, ConvNet, Language, train


def two_rates(backbone: float, head: float) -> tuple[Classifier, Adam]:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": backbone},
        {"params": model.head.parameters(), "lr": head},
    ]
    return model, Adam(groups)


def two_rates_of_sgd(backbone: float, head: float) -> tuple[ConvNet, SGD]:
    model = ConvNet()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": backbone},
        {"params": model.fc.parameters(), "lr": head},
    ]
    return model, SGD(groups, momentum=0.9)


@faulty("PG141")
def one_cycle_with_one_maximum() -> Setup:
    model, optimizer = two_rates(1e-4, 1e-3)
    return Setup(model, optimizer, OneCycleLR(optimizer, max_lr=1e-3, total_steps=200))


@faulty("PG141")
def one_cycle_by_epochs_with_one_maximum() -> Setup:
    model, optimizer = two_rates_of_sgd(0.002, 0.02)
    scheduler = OneCycleLR(optimizer, max_lr=0.02, epochs=5, steps_per_epoch=20)
    train(model, optimizer, 6, scheduler.step)
    return Setup(model, optimizer, scheduler, {"epochs": 5, "steps_per_epoch": 20})


@faulty("PG141")
def a_cycle_between_two_numbers() -> Setup:
    model, optimizer = two_rates_of_sgd(0.001, 0.01)
    return Setup(model, optimizer, CyclicLR(optimizer, base_lr=0.001, max_lr=0.01, step_size_up=50))


@faulty("PG141")
def averaging_at_one_rate() -> Setup:
    model, optimizer = two_rates_of_sgd(0.005, 0.05)
    return Setup(model, optimizer, SWALR(optimizer, swa_lr=0.05, anneal_epochs=5))


@faulty("PG142")
def a_floor_above_the_backbone() -> Setup:
    model, optimizer = two_rates(1e-6, 5e-5)
    return Setup(model, optimizer, CosineAnnealingLR(optimizer, T_max=100, eta_min=1e-5))


@faulty("PG142")
def restarts_with_a_floor_above_the_backbone() -> Setup:
    model, optimizer = two_rates(2e-6, 1e-4)
    return Setup(model, optimizer, CosineAnnealingWarmRestarts(optimizer, T_0=20, T_mult=2, eta_min=5e-6))


@faulty("PG142")
def a_floor_above_the_backbone_after_warmup() -> Setup:
    model, optimizer = two_rates(1e-6, 5e-5)
    warm = LinearLR(optimizer, start_factor=0.1, total_iters=10)
    cosine = CosineAnnealingLR(optimizer, T_max=90, eta_min=1e-5)
    return Setup(model, optimizer, SequentialLR(optimizer, [warm, cosine], milestones=[10]))


@faulty("PG143")
def a_plateau_too_fine_for_a_small_rate() -> Setup:
    model, optimizer = two_rates(5e-9, 4e-7)
    return Setup(model, optimizer, ReduceLROnPlateau(optimizer, factor=0.5))


@faulty("PG143")
def a_plateau_whose_floor_is_the_rate() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-5)
    return Setup(model, optimizer, ReduceLROnPlateau(optimizer, patience=3, min_lr=1e-4))


@faulty("PG144")
def a_lambda_of_the_rate_now() -> Setup:
    model = Classifier()
    base = 1e-3
    optimizer = Adam(model.parameters(), lr=base)
    scheduler = LambdaLR(optimizer, lambda epoch: optimizer.param_groups[0]["lr"] / base * 0.95**epoch)
    return Setup(model, optimizer, scheduler)


@faulty("PG144")
def a_lambda_of_the_last_rate() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1)
    made: list[Any] = []

    def factor(epoch: int) -> float:
        return made[0].get_last_lr()[0] / 0.1 * 0.9 if epoch else 1.0

    made.append(LambdaLR(optimizer, factor))
    return Setup(model, optimizer, made[0])


@faulty("PG145")
def a_factor_that_falls_multiplied_each_time() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1)
    return Setup(model, optimizer, MultiplicativeLR(optimizer, lambda epoch: 0.95**epoch))


@faulty("PG145")
def a_hyperbola_multiplied_each_time() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    return Setup(model, optimizer, MultiplicativeLR(optimizer, lambda epoch: 1 / (1 + 0.1 * epoch)))


@faulty("PG146")
def a_rate_where_a_factor_is_asked() -> Setup:
    model = Classifier()
    rate = 1e-3
    optimizer = Adam(model.parameters(), lr=rate)
    return Setup(model, optimizer, LambdaLR(optimizer, lambda epoch: rate * 0.95**epoch))


@faulty("PG146")
def a_warmup_to_a_rate_where_a_factor_is_asked() -> Setup:
    model = Classifier()
    peak, warm = 5e-4, 100
    optimizer = Adam(model.parameters(), lr=peak)
    return Setup(model, optimizer, LambdaLR(optimizer, lambda step: peak * min(1.0, (step + 1) / warm)))


@faulty("PG146")
def the_transformers_formula_beside_a_rate() -> Setup:
    model = Language()
    optimizer = Adam(model.parameters(), lr=5e-4, betas=(0.9, 0.98), eps=1e-9)

    def noam(step: int) -> float:
        step = max(step, 1)
        return float(16**-0.5 * min(step**-0.5, step * 400**-1.5))

    return Setup(model, optimizer, LambdaLR(optimizer, noam))


@faulty("PG149")
def a_cosine_of_epochs_ticked_by_steps() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=30)
    train(model, optimizer, 12, scheduler.step)
    return Setup(
        model, optimizer, {"scheduler": scheduler, "interval": "step"}, {"epochs": 30, "steps_per_epoch": 100}
    )


@faulty("PG149")
def a_cosine_half_as_long() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    return Setup(model, optimizer, CosineAnnealingLR(optimizer, T_max=1000), {"steps": 2000})


@faulty("PG149")
def one_cycle_of_steps_ticked_by_epochs() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = OneCycleLR(optimizer, max_lr=1e-3, epochs=10, steps_per_epoch=50)
    return Setup(
        model, optimizer, {"scheduler": scheduler, "interval": "epoch"}, {"epochs": 10, "steps_per_epoch": 50}
    )


@faulty("PG149", allowed=("PG154",))
def a_polynomial_that_ends_early() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    return Setup(model, optimizer, PolynomialLR(optimizer, total_iters=50, power=0.9), {"steps": 200})


@faulty("PG149")
def warmup_and_a_cosine_that_forgets_it() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    warm = LinearLR(optimizer, start_factor=0.01, total_iters=100)
    cosine = CosineAnnealingLR(optimizer, T_max=300)
    scheduler = SequentialLR(optimizer, [warm, cosine], milestones=[100])
    return Setup(model, optimizer, scheduler, {"steps": 1000})


@faulty("PG153")
def a_line_that_goes_below_zero() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1)
    return Setup(model, optimizer, LambdaLR(optimizer, lambda epoch: 1 - epoch / 50), {"epochs": 80})


@faulty("PG153")
def growth_instead_of_decay() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-4)
    return Setup(model, optimizer, ExponentialLR(optimizer, gamma=1.05), {"steps": 400})


@faulty("PG154")
def a_line_that_ends_in_the_middle() -> Setup:
    model = Classifier()
    optimizer = AdamW(model.parameters(), lr=1e-4, weight_decay=0.0)
    return Setup(
        model, optimizer, LambdaLR(optimizer, lambda step: max(0.0, 1 - step / 500)), {"steps": 1000}
    )


@faulty("PG154", allowed=("PG149",))
def a_rate_multiplied_by_nothing() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = LambdaLR(optimizer, lambda epoch: 1 if epoch < 20 else 1 // 10)
    return Setup(model, optimizer, scheduler, {"epochs": 60})
