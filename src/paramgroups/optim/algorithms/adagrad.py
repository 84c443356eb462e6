"""Adagrad: each number's rate falls with the squares of its gradients."""
# ruff: noqa: PLR0913, PLR0917 - a rule's arguments are the symbols of its formula

from types import MappingProxyType

from paramgroups.optim.algorithms.algorithm import Algorithm, Family, Numbers
from paramgroups.optim.algorithms.words import sqrt

HYPERS = ("lr", "lr_decay", "eps", "weight_decay", "maximize")


def prepare(
    step: float, lr: float, lr_decay: float, eps: float, weight_decay: float, maximize: float
) -> Numbers:
    """The constants of `update`."""
    return 1.0 - 2.0 * maximize, weight_decay, lr / (1.0 + (step - 1.0) * lr_decay), eps


def update(p: float, g: float, total: float, side: float, pull: float, rate: float, eps: float) -> Numbers:
    """One number of Adagrad.

    g ← g + λp, s ← s + g², p ← p − η/(1 + (t − 1)d) · g / (√s + ε), with s at first
    `initial_accumulator_value`.

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods" (JMLR 12, 2011).
    """
    g = side * g + pull * p
    total = total + g * g
    return p - rate * g / (sqrt(total) + eps), total


RULE = Algorithm("adagrad", HYPERS, ("sum",), prepare, update)

ADAGRAD = Family(
    MappingProxyType(
        {
            "lr": 1e-2,
            "lr_decay": 0,
            "eps": 1e-10,
            "weight_decay": 0,
            "initial_accumulator_value": 0,
            "maximize": False,
        }
    ),
    lambda _: RULE,
    MappingProxyType({"sum": "initial_accumulator_value"}),
)
