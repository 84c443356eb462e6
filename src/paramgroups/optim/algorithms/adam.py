"""Adam and AdamW, each with and without AMSGrad."""
# ruff: noqa: PLR0913, PLR0917 - a rule's arguments are the symbols of its formula

from types import MappingProxyType

from paramgroups.optim.algorithms.algorithm import Algorithm, Family, Numbers, Settings
from paramgroups.optim.algorithms.words import maximum, sqrt

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
    rate = lr / (1.0 - beta1**step)
    scale = 1.0 / sqrt(1.0 - beta2**step)
    return side, shrink, pull, 1.0 - beta1, beta2, 1.0 - beta2, rate, scale, eps


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
    scale: float,
    eps: float,
) -> Numbers:
    """One number of Adam or AdamW.

    g ← g + λp (Adam) or p ← (1 − ηλ)p (AdamW), m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²,
    p ← p − η/(1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ)) + ε).

    Kingma and Ba, "Adam" (arXiv 1412.6980); Loshchilov and Hutter, "Decoupled Weight Decay Regularization"
    (arXiv 1711.05101), with the decay multiplied by the rate, as torch has it. Unlike torch's, a weight that
    is infinite spoils its moments even without weight decay, since λp is then 0 · ∞.
    """
    g = side * g + pull * p
    exp_avg = exp_avg + take * (g - exp_avg)
    exp_avg_sq = keep_sq * exp_avg_sq + take_sq * g * g
    return shrink * p - rate * exp_avg / (sqrt(exp_avg_sq) * scale + eps), exp_avg, exp_avg_sq


def update_amsgrad(
    p: float,
    g: float,
    exp_avg: float,
    exp_avg_sq: float,
    max_exp_avg_sq: float,
    side: float,
    shrink: float,
    pull: float,
    take: float,
    keep_sq: float,
    take_sq: float,
    rate: float,
    scale: float,
    eps: float,
) -> Numbers:
    """As `update`, divided by the largest v so far: u ← max(u, v), p ← … / (√(u / (1 − β₂ᵗ)) + ε).

    Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond" (arXiv 1904.09237). As in torch, the
    largest is taken before the bias is corrected.
    """
    g = side * g + pull * p
    exp_avg = exp_avg + take * (g - exp_avg)
    exp_avg_sq = keep_sq * exp_avg_sq + take_sq * g * g
    largest = maximum(max_exp_avg_sq, exp_avg_sq)
    return shrink * p - rate * exp_avg / (sqrt(largest) * scale + eps), exp_avg, exp_avg_sq, largest


STATES = ("exp_avg", "exp_avg_sq")
PLAIN = Algorithm("adam", HYPERS, STATES, prepare, update)
AMSGRAD = Algorithm("adam_amsgrad", HYPERS, (*STATES, "max_exp_avg_sq"), prepare, update_amsgrad)


def of(settings: Settings) -> Algorithm:
    """The rule that these settings ask for."""
    return AMSGRAD if settings["amsgrad"] else PLAIN


DEFAULTS = {
    "lr": 1e-3,
    "betas": (0.9, 0.999),
    "eps": 1e-8,
    "weight_decay": 0,
    "amsgrad": False,
    "maximize": False,
    "decoupled_weight_decay": False,
}
ADAM = Family(MappingProxyType(DEFAULTS), of)
ADAMW = Family(MappingProxyType(DEFAULTS | {"weight_decay": 1e-2, "decoupled_weight_decay": True}), of)
