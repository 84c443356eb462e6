"""Every scheduler of torch has an equal here: over 300 steps of several groups, to 1e-9."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torchs
from torch.optim.swa_utils import SWALR

from paramgroups.schedules import (
    Schedule,
    constant,
    cosine,
    cyclic,
    exponential,
    function,
    linear,
    milestones,
    multiplicative,
    one_cycle,
    piecewise,
    polynomial,
    step,
    warm_restarts,
    warmup,
)
from tests.schedules.theirs import BASES, STEPS, Made, adam, driven, ours, rates, sgd

STEPPED = {
    "LambdaLR": (
        function("root", lambda t: 1 / math.sqrt(1 + t), of="tick"),
        lambda o: torchs.LambdaLR(o, lambda t: 1 / math.sqrt(1 + t)),
    ),
    "LambdaLR of progress": (
        function("root", lambda u: 1 / math.sqrt(1 + STEPS * u)),
        lambda o: torchs.LambdaLR(o, lambda t: 1 / math.sqrt(1 + t)),
    ),
    "LambdaLR, a warm-up": (warmup(30), lambda o: torchs.LambdaLR(o, lambda t: min((t + 1) / 30, 1.0))),
    "MultiplicativeLR": (
        multiplicative("slowing", lambda t: 1 - 1 / (t + 10)),
        lambda o: torchs.MultiplicativeLR(o, lambda t: 1 - 1 / (t + 10)),
    ),
    "StepLR": (step(0.3, every=30), lambda o: torchs.StepLR(o, 30, gamma=0.3)),
    "StepLR, late": (step(every=299), lambda o: torchs.StepLR(o, 299)),
    "MultiStepLR": (
        milestones(0.3, at=(30, 80, 200)),
        lambda o: torchs.MultiStepLR(o, [30, 80, 200], gamma=0.3),
    ),
    "MultiStepLR, out of order": (
        milestones(0.3, at=(200, 30, 80)),
        lambda o: torchs.MultiStepLR(o, [200, 30, 80], gamma=0.3),
    ),
    "MultiStepLR, twice at once": (
        milestones(at=(30, "20%", "20%")),
        lambda o: torchs.MultiStepLR(o, [30, 60, 60]),
    ),
    "ConstantLR": (
        constant(0.25, length=40).then(constant()),
        lambda o: torchs.ConstantLR(o, 0.25, total_iters=40),
    ),
    "LinearLR": (
        linear(start=1 / 3, end=1, length=50),
        lambda o: torchs.LinearLR(o, 1 / 3, 1.0, total_iters=50),
    ),
    "LinearLR, down": (
        linear(start=0.9, end=0.2),
        lambda o: torchs.LinearLR(o, 0.9, 0.2, total_iters=STEPS),
    ),
    "ExponentialLR": (exponential(0.99), lambda o: torchs.ExponentialLR(o, 0.99)),
    "ExponentialLR, up": (exponential(1.01), lambda o: torchs.ExponentialLR(o, 1.01)),
    "SequentialLR": (
        linear(start=0.1, end=1.0, length=20)
        .then(cosine(length=100))
        .then(constant(0.5, length=30))
        .then(exponential(0.99)),
        lambda o: torchs.SequentialLR(
            o,
            [
                torchs.LinearLR(o, 0.1, total_iters=20),
                torchs.CosineAnnealingLR(o, T_max=100),
                torchs.ConstantLR(o, 0.5, total_iters=100),
                torchs.ExponentialLR(o, 0.99),
            ],
            milestones=[20, 120, 150],
        ),
    ),
    "CosineAnnealingLR": (cosine(), lambda o: torchs.CosineAnnealingLR(o, T_max=STEPS)),
    "CosineAnnealingLR, up again": (
        cosine(length=70).then(cosine(start=0, end=1, length=70)).repeat(every=140),
        lambda o: torchs.CosineAnnealingLR(o, T_max=70),
    ),
    "CosineAnnealingLR, as points": (
        piecewise([(0, 1), ("50%", 0), ("100%", 1)], between="cosine").repeat(every=140),
        lambda o: torchs.CosineAnnealingLR(o, T_max=70),
    ),
    "ChainedScheduler": (
        constant(0.1, length=20).then(constant()) * exponential(0.99) * milestones(at=(100,)),
        lambda o: torchs.ChainedScheduler(
            [
                torchs.ConstantLR(o, 0.1, total_iters=20),
                torchs.ExponentialLR(o, 0.99),
                torchs.MultiStepLR(o, [100]),
            ]
        ),
    ),
    "CosineAnnealingWarmRestarts": (
        warm_restarts(every=70),
        lambda o: torchs.CosineAnnealingWarmRestarts(o, T_0=70),
    ),
    "CosineAnnealingWarmRestarts, doubled": (
        warm_restarts(every=20, stretch=2),
        lambda o: torchs.CosineAnnealingWarmRestarts(o, T_0=20, T_mult=2),
    ),
    "CosineAnnealingWarmRestarts, longer than training": (
        warm_restarts(every=400),
        lambda o: torchs.CosineAnnealingWarmRestarts(o, T_0=400),
    ),
    "PolynomialLR": (polynomial(power=2), lambda o: torchs.PolynomialLR(o, total_iters=STEPS, power=2)),
    "PolynomialLR, root": (
        polynomial(power=0.5),
        lambda o: torchs.PolynomialLR(o, total_iters=STEPS, power=0.5),
    ),
    "PolynomialLR, short": (polynomial(length=100), lambda o: torchs.PolynomialLR(o, total_iters=100)),
}

# SequentialLR steps its parts with the epoch argument that torch itself has deprecated.
EPOCH = "ignore:The epoch parameter in:UserWarning"


@pytest.mark.filterwarnings(EPOCH)
@pytest.mark.parametrize("name", STEPPED)
def test_the_factor_of_each_group_is_theirs(name: str) -> None:
    schedule, make = STEPPED[name]
    for mine, theirs in zip(ours(schedule), rates(make), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9)


EACH: dict[str, tuple[Schedule, Callable[..., Made]]] = {
    "CosineAnnealingLR, eta_min": (
        cosine(end=0.1),
        lambda base: lambda o: torchs.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.1 * base),
    ),
    "CosineAnnealingWarmRestarts, eta_min": (
        warm_restarts(every=20, stretch=3, end=0.1),
        lambda base: lambda o: torchs.CosineAnnealingWarmRestarts(o, 20, 3, eta_min=0.1 * base),
    ),
    "SWALR": (
        cosine(end=0.3, length=40),
        lambda base: lambda o: SWALR(o, swa_lr=0.3 * base, anneal_epochs=40),
    ),
    "SWALR, linear": (
        linear(end=0.3, length=40),
        lambda base: lambda o: SWALR(o, swa_lr=0.3 * base, anneal_epochs=40, anneal_strategy="linear"),
    ),
}


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", EACH)
def test_what_torch_has_as_one_number_for_all_groups_is_a_share_of_each_groups_own(
    name: str, base: float
) -> None:
    schedule, make = EACH[name]
    assert ours(schedule, (base,))[0] == pytest.approx(rates(make(base), (base,))[0], rel=1e-9, abs=1e-9)


def test_a_scalar_floor_flattens_torchs_groups_and_keeps_our_ratios() -> None:
    theirs = rates(lambda o: torchs.CosineAnnealingLR(o, T_max=STEPS, eta_min=1e-3))
    assert theirs[2][-1] > theirs[2][0]  # the floor raises the smallest group
    mine = ours(cosine(end=1e-3 / BASES[0]))
    ratios = [[group[t] / mine[0][t] for t in range(STEPS)] for group in mine]
    for base, ratio in zip(BASES, ratios, strict=True):
        assert ratio == pytest.approx([base / BASES[0]] * STEPS)


@pytest.mark.parametrize("make", [torchs.OneCycleLR, torchs.CyclicLR], ids=lambda make: make.__name__)
def test_a_scalar_peak_gives_all_of_torchs_groups_one_rate(make: Any) -> None:
    settings: dict[str, Any] = {"max_lr": 0.5, "cycle_momentum": False}
    settings |= {"total_steps": STEPS} if make is torchs.OneCycleLR else {"base_lr": 0.05, "step_size_up": 30}
    first, *others = rates(lambda o: make(o, **settings))
    assert all(other == first for other in others)


CYCLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "triangular": ({"mode": "triangular"}, {}),
    "triangular2": ({"mode": "triangular2"}, {"cycle_factor": 0.5}),
    "exp_range": ({"mode": "exp_range", "gamma": 0.99}, {"tick_factor": 0.99}),
}
WAYS = {"even": (30, None), "slow up": (40, 10), "slow down": (7, 25)}


@pytest.mark.parametrize("ways", WAYS)
@pytest.mark.parametrize("mode", CYCLES)
def test_cyclic_rates_are_theirs(mode: str, ways: str) -> None:
    (asked, settings), (up, down) = CYCLES[mode], WAYS[ways]
    theirs = rates(
        lambda o: torchs.CyclicLR(
            o,
            base_lr=[0.1 * base for base in BASES],
            max_lr=list(BASES),
            step_size_up=up,
            step_size_down=down,
            cycle_momentum=False,
            **asked,
        )
    )
    for mine, expected in zip(ours(cyclic(start=0.1, up=up, down=down, **settings)), theirs, strict=True):
        assert mine == pytest.approx(expected, rel=1e-9, abs=1e-9)


MOMENTA: dict[str, tuple[Callable[[], torch.optim.Optimizer], Callable[[dict[str, Any]], float]]] = {
    "momentum": (lambda: sgd(momentum=0.9), lambda group: group["momentum"]),
    "beta1": (adam, lambda group: group["betas"][0]),
}


@pytest.mark.parametrize("hyper", MOMENTA)
@pytest.mark.parametrize("mode", CYCLES)
def test_cyclic_momentum_goes_the_other_way_through_the_same_shape(mode: str, hyper: str) -> None:
    (asked, settings), (make, read) = CYCLES[mode], MOMENTA[hyper]
    theirs = driven(
        lambda o: torchs.CyclicLR(
            o, 0.1, 0.5, 40, 10, base_momentum=0.8, max_momentum=0.9, cycle_momentum=True, **asked
        ),
        make(),
        read,
    )
    mine = ours(cyclic(start=1, peak=0.8 / 0.9, up=40, down=10, **settings), (0.9,) * len(BASES))
    for one, expected in zip(mine, theirs, strict=True):
        assert one == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("rise", [0.3, 0.333, 0.07, 0.0, 0.99])
@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_one_cycle_rates_are_theirs(strategy: Any, rise: float) -> None:
    theirs = rates(
        lambda o: torchs.OneCycleLR(
            o,
            max_lr=list(BASES),
            total_steps=STEPS,
            pct_start=rise,
            anneal_strategy=strategy,
            cycle_momentum=False,
        )
    )
    between: Any = {"cos": "cosine", "linear": "linear"}[strategy]
    schedule = one_cycle(rise=f"{100 * rise:.6g}%", between=between)
    for mine, expected in zip(ours(schedule), theirs, strict=True):
        assert mine == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("hyper", MOMENTA)
@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("symmetric", [False, True], ids=["two phases", "three phases"])
def test_one_cycle_in_both_forms_with_its_momentum(symmetric: bool, strategy: Any, hyper: str) -> None:  # noqa: FBT001
    make, read = MOMENTA[hyper]

    def scheduler(o: torch.optim.Optimizer) -> torchs.OneCycleLR:
        return torchs.OneCycleLR(
            o,
            max_lr=list(BASES),
            total_steps=STEPS,
            anneal_strategy=strategy,
            three_phase=symmetric,
            div_factor=10,
            final_div_factor=100,
            base_momentum=0.85,
            max_momentum=0.95,
        )

    between: Any = {"cos": "cosine", "linear": "linear"}[strategy]
    rate = one_cycle(start=1 / 10, end=1 / 1000, between=between, symmetric=symmetric)
    momentum = one_cycle(start=1, peak=0.85 / 0.95, end=1, between=between, symmetric=symmetric)
    for mine, expected in zip(ours(rate), driven(scheduler, make(), lambda group: group["lr"]), strict=True):
        assert mine == pytest.approx(expected, rel=1e-9, abs=1e-9)
    for mine, expected in zip(ours(momentum, (0.95,) * 3), driven(scheduler, make(), read), strict=True):
        assert mine == pytest.approx(expected, rel=1e-9, abs=1e-9)


ELSEWHERE = {"ReduceLROnPlateau", "LRScheduler"}
"""A controller here, and the base class."""


def test_no_scheduler_of_torch_is_forgotten() -> None:
    compared = {name.split(",")[0].split()[0] for name in [*STEPPED, *EACH]} | {"CyclicLR", "OneCycleLR"}
    assert set(torchs.__all__) - ELSEWHERE == compared - {"SWALR"}
    swa = inspect.getmodule(SWALR)
    found = [
        one for one in vars(swa).values() if inspect.isclass(one) and issubclass(one, torchs.LRScheduler)
    ]
    assert {one.__name__ for one in found} == {"SWALR", "LRScheduler"}
