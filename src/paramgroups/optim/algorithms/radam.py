"""RAdam: Adam whose rate is rectified while the second moment is uncertain."""
# ruff: noqa: PLR0913, PLR0917 - a rule's arguments are the symbols of its formula

from types import MappingProxyType

from paramgroups.optim.algorithms.algorithm import Algorithm, Family, Numbers
from paramgroups.optim.algorithms.words import sqrt, where

HYPERS = ("lr", "beta1", "beta2", "eps", "weight_decay", "maximize", "decoupled_weight_decay")


def prepare(
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: float,
    decoupled_weight_decay: float,
) -> Numbers:
    """The constants of `update`."""
    side = 1.0 - 2.0 * maximize
    shrink = 1.0 - decoupled_weight_decay * lr * weight_decay
    pull = (1.0 - decoupled_weight_decay) * weight_decay
    correction = 1.0 - beta2**step
    limit = 2.0 / (1.0 - beta2) - 1.0
    length = limit - 2.0 * step * beta2**step / correction
    enough = 5.0
    # both sides of `where` are computed: where the rate is not rectified, any legal numbers do
    top, now = where(length > enough, limit, 6.0), where(length > enough, length, 6.0)
    rectified = sqrt((now - 4.0) * (now - 2.0) * top / ((top - 4.0) * (top - 2.0) * now))
    rate = lr / (1.0 - beta1**step)
    adaptive = rate * rectified * sqrt(correction)
    return side, shrink, pull, 1.0 - beta1, beta2, 1.0 - beta2, rate, adaptive, eps, length, enough


def update(
    p: float,
    g: float,
    exp_avg: float,
    exp_avg_sq: float,
    side: float,
    shrink: float,
    pull: float,
    take: float,
    keep_sq: float,
    take_sq: float,
    rate: float,
    adaptive: float,
    eps: float,
    length: float,
    enough: float,
) -> Numbers:
    """One number of RAdam.

    m and v as in Adam, ρ∞ = 2/(1 − β₂) − 1, ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ), and with m̂ = m/(1 − β₁ᵗ):
    p ← p − η r m̂ √(1 − β₂ᵗ) / (√v + ε) where ρ > 5, with r = √((ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ)),
    else p ← p − η m̂.

    Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (arXiv 1908.03265). As in torch,
    the bound is 5, where the paper has 4.
    """
    g = side * g + pull * p
    exp_avg = exp_avg + take * (g - exp_avg)
    exp_avg_sq = keep_sq * exp_avg_sq + take_sq * g * g
    factor = where(length > enough, adaptive / (sqrt(exp_avg_sq) + eps), rate)
    return shrink * p - factor * exp_avg, exp_avg, exp_avg_sq


RULE = Algorithm("radam", HYPERS, ("exp_avg", "exp_avg_sq"), prepare, update)

RADAM = Family(
    MappingProxyType(
        {
            "lr": 1e-3,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
            "weight_decay": 0,
            "maximize": False,
            "decoupled_weight_decay": False,
        }
    ),
    lambda _: RULE,
)
