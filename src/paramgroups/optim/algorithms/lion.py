"""Lion: the sign of an interpolated momentum."""
# ruff: noqa: PLR0913, PLR0917 - a rule's arguments are the symbols of its formula

from types import MappingProxyType

from paramgroups.optim.algorithms.algorithm import Algorithm, Family, Numbers
from paramgroups.optim.algorithms.words import sign

HYPERS = ("lr", "beta1", "beta2", "weight_decay", "maximize")


def prepare(
    step: float,  # noqa: ARG001 - all rules take it
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float,
    maximize: float,
) -> Numbers:
    """The constants of `update`."""
    return 1.0 - 2.0 * maximize, 1.0 - lr * weight_decay, 1.0 - beta1, 1.0 - beta2, lr


def update(
    p: float,
    g: float,
    exp_avg: float,
    side: float,
    shrink: float,
    take_now: float,
    take: float,
    lr: float,
) -> Numbers:
    """One number of Lion.

    p ← (1 − ηλ)p − η sign(β₁m + (1 − β₁)g), then m ← β₂m + (1 − β₂)g.

    Chen et al., "Symbolic Discovery of Optimization Algorithms" (arXiv 2302.06675). Torch has no Lion: the
    defaults are the paper's, the state's key is the one that Adam has for its momentum.
    """
    g = side * g
    return shrink * p - lr * sign(exp_avg + take_now * (g - exp_avg)), exp_avg + take * (g - exp_avg)


RULE = Algorithm("lion", HYPERS, ("exp_avg",), prepare, update)

LION = Family(
    MappingProxyType({"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0, "maximize": False}),
    lambda _: RULE,
)
