"""LAMB: Adam's direction, as long as a tensor's weights are."""
# ruff: noqa: PLR0913, PLR0917 - a rule's arguments are the symbols of its formula

from math import sqrt as root
from types import MappingProxyType

from paramgroups.optim.algorithms.algorithm import Algorithm, Family, Numbers
from paramgroups.optim.algorithms.words import sqrt

HYPERS = ("lr", "beta1", "beta2", "eps", "weight_decay", "maximize", "trust")


def trust(
    gradients: float,  # noqa: ARG001 - all rules with a trust ratio take it
    weights: float,
    updates: float,
    *_: float,
) -> float:
    """‖w‖ / ‖u‖ of a whole tensor, 1 where either is 0 or no number: the paper's φ is the identity."""
    return root(weights) / root(updates) if weights > 0.0 and updates > 0.0 else 1.0


def prepare(
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: float,
    trust: float,
) -> Numbers:
    """The constants of `update`."""
    rate = lr * trust
    side = 1.0 - 2.0 * maximize
    rate_avg = rate / (1.0 - beta1**step)
    scale = 1.0 / sqrt(1.0 - beta2**step)
    return side, 1.0 - rate * weight_decay, 1.0 - beta1, beta2, 1.0 - beta2, rate_avg, scale, eps


def update(
    p: float,
    g: float,
    exp_avg: float,
    exp_avg_sq: float,
    side: float,
    shrink: float,
    take: float,
    keep_sq: float,
    take_sq: float,
    rate: float,
    scale: float,
    eps: float,
) -> Numbers:
    """One number of LAMB.

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², u = m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε) + λw, and
    w ← w − η (‖w‖ / ‖u‖) u, with the norms of the whole tensor.

    You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes" (arXiv 1904.00962),
    algorithm 2, with its bias correction. Gradients are not clipped beforehand, as some have it: say
    `clip_norm`. All tensors are scaled: where biases and norms shall not be, give them "adamw".
    """
    g = side * g
    exp_avg = exp_avg + take * (g - exp_avg)
    exp_avg_sq = keep_sq * exp_avg_sq + take_sq * g * g
    return shrink * p - rate * exp_avg / (sqrt(exp_avg_sq) * scale + eps), exp_avg, exp_avg_sq


RULE = Algorithm("lamb", HYPERS, ("exp_avg", "exp_avg_sq"), prepare, update, trust=trust)

LAMB = Family(
    MappingProxyType({"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0, "maximize": False}),
    lambda _: RULE,
)
