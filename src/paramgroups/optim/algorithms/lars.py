"""LARS: descent with momentum, at a rate that goes with a tensor's weights and against its gradient."""
# ruff: noqa: PLR0913, PLR0917 - a rule's arguments are the symbols of its formula

from math import sqrt
from types import MappingProxyType

from paramgroups.optim.algorithms.algorithm import Algorithm, Family, Numbers

HYPERS = ("lr", "momentum", "weight_decay", "trust_coefficient", "eps", "maximize", "trust")


def trust(
    gradients: float,
    weights: float,
    updates: float,  # noqa: ARG001 - all rules with a trust ratio take it
    lr: float,  # noqa: ARG001 - likewise the whole row
    momentum: float,  # noqa: ARG001 - likewise
    weight_decay: float,
    trust_coefficient: float,
    eps: float,
    *_: float,
) -> float:
    """κ‖w‖ / (‖g‖ + λ‖w‖ + ε) of a whole tensor, 1 where ‖w‖ or ‖g‖ is 0 or no number."""
    if not (gradients > 0.0 and weights > 0.0):
        return 1.0
    weight = sqrt(weights)
    return trust_coefficient * weight / (sqrt(gradients) + weight_decay * weight + eps)


def prepare(
    step: float,  # noqa: ARG001 - all rules take it
    lr: float,
    momentum: float,
    weight_decay: float,
    trust_coefficient: float,  # noqa: ARG001 - `trust` reads it
    eps: float,  # noqa: ARG001 - likewise
    maximize: float,
    trust: float,
) -> Numbers:
    """The constants of `update`."""
    return trust * (1.0 - 2.0 * maximize), trust * weight_decay, momentum, lr


def update(
    p: float, g: float, momentum_buffer: float, side: float, pull: float, momentum: float, lr: float
) -> Numbers:
    """One number of LARS.

    b ← μb + κ‖w‖ / (‖g‖ + λ‖w‖ + ε) · (g + λw), w ← w − ηb, with the norms of the whole tensor.

    You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks" (arXiv 1708.03888),
    algorithm 1. The rate η stands outside of the buffer, as in torch's SGD, where the paper has it inside:
    the same as long as the rate is. ε is not in the paper, and where ‖w‖ or ‖g‖ is 0 the ratio is 1.
    The defaults are the paper's κ = 0.001 and momentum of 0.9; the rate, which κ makes small, is 1, and λ is
    0, where the paper has 0.0005. All tensors are scaled: where biases and norms shall not be, give them
    "sgd".
    """
    momentum_buffer = momentum * momentum_buffer + (side * g + pull * p)
    return p - lr * momentum_buffer, momentum_buffer


RULE = Algorithm("lars", HYPERS, ("momentum_buffer",), prepare, update, trust=trust)

LARS = Family(
    MappingProxyType(
        {
            "lr": 1.0,
            "momentum": 0.9,
            "weight_decay": 0,
            "trust_coefficient": 1e-3,
            "eps": 1e-8,
            "maximize": False,
        }
    ),
    lambda _: RULE,
)
