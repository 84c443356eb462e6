"""NAdam: Adam with Nesterov's momentum."""
# ruff: noqa: PLR0913, PLR0917 - a rule's arguments are the symbols of its formula

from types import MappingProxyType

from paramgroups.optim.algorithms.algorithm import Algorithm, Family, Numbers
from paramgroups.optim.algorithms.words import sqrt

HYPERS = (
    "lr",
    "beta1",
    "beta2",
    "eps",
    "weight_decay",
    "momentum_decay",
    "maximize",
    "decoupled_weight_decay",
    "mu_product",
)


def advance(
    step: float,
    lr: float,  # noqa: ARG001 - all rules read the whole row
    beta1: float,
    beta2: float,  # noqa: ARG001 - likewise
    eps: float,  # noqa: ARG001 - likewise
    weight_decay: float,  # noqa: ARG001 - likewise
    momentum_decay: float,
    maximize: float,  # noqa: ARG001 - likewise
    decoupled_weight_decay: float,  # noqa: ARG001 - likewise
    mu_product: float,
) -> Numbers:
    """The product of all μ, after this step."""
    return (mu_product * beta1 * (1.0 - 0.5 * 0.96 ** (step * momentum_decay)),)


def prepare(
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    momentum_decay: float,
    maximize: float,
    decoupled_weight_decay: float,
    mu_product: float,
) -> Numbers:
    """The constants of `update`."""
    side = 1.0 - 2.0 * maximize
    shrink = 1.0 - decoupled_weight_decay * lr * weight_decay
    pull = (1.0 - decoupled_weight_decay) * weight_decay
    mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * momentum_decay))
    following = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1.0) * momentum_decay))
    product = mu_product * mu
    rate = lr * (1.0 - mu) / (1.0 - product)
    rate_avg = lr * following / (1.0 - product * following)
    scale = 1.0 / sqrt(1.0 - beta2**step)
    return side, shrink, pull, 1.0 - beta1, beta2, 1.0 - beta2, rate, rate_avg, scale, eps


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
    rate_avg: float,
    scale: float,
    eps: float,
) -> Numbers:
    """One number of NAdam.

    μₜ = β₁(1 − 0.96^(tψ)/2), m and v as in Adam,
    p ← p − η (μₜ₊₁ m / (1 − Π μ₁…μₜ₊₁) + (1 − μₜ) g / (1 − Π μ₁…μₜ)) / (√(v / (1 − β₂ᵗ)) + ε).

    Dozat, "Incorporating Nesterov Momentum into Adam" (ICLR 2016 workshop). Torch keeps Π μ in float32,
    we in float64.
    """
    g = side * g + pull * p
    exp_avg = exp_avg + take * (g - exp_avg)
    exp_avg_sq = keep_sq * exp_avg_sq + take_sq * g * g
    step = (rate * g + rate_avg * exp_avg) / (sqrt(exp_avg_sq) * scale + eps)
    return shrink * p - step, exp_avg, exp_avg_sq


RULE = Algorithm("nadam", HYPERS, ("exp_avg", "exp_avg_sq"), prepare, update, ("mu_product",), advance)

NADAM = Family(
    MappingProxyType(
        {
            "lr": 2e-3,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
            "weight_decay": 0,
            "momentum_decay": 4e-3,
            "maximize": False,
            "decoupled_weight_decay": False,
        }
    ),
    lambda _: RULE,
)
