"""Stochastic gradient descent: plain, with momentum, with Nesterov's momentum."""
# ruff: noqa: PLR0913, PLR0917 - a rule's arguments are the symbols of its formula

from types import MappingProxyType

from paramgroups.optim.algorithms.algorithm import Algorithm, Family, Numbers, Settings
from paramgroups.optim.algorithms.words import where


def prepare(step: float, lr: float, weight_decay: float, maximize: float) -> Numbers:  # noqa: ARG001 - all take it
    """The constants of `update`."""
    return 1.0 - 2.0 * maximize, weight_decay, lr


def update(p: float, g: float, side: float, pull: float, lr: float) -> Numbers:
    """One number of plain descent: p ← p − η(g + λp). Robbins and Monro (1951)."""
    return (p - lr * (side * g + pull * p),)


def prepare_momentum(
    step: float,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: float,
    maximize: float,
) -> Numbers:
    """The constants of `update_momentum`."""
    keep = where(step > 1.0, momentum, 0.0)
    take = where(step > 1.0, 1.0 - dampening, 1.0)
    ahead = where(nesterov > 0.0, momentum, 1.0)
    return 1.0 - 2.0 * maximize, weight_decay, keep, take, lr * nesterov, lr * ahead


def update_momentum(
    p: float,
    g: float,
    momentum_buffer: float,
    side: float,
    pull: float,
    keep: float,
    take: float,
    rate: float,
    rate_buffer: float,
) -> Numbers:
    """One number of descent with momentum.

    g ← g + λp, b ← μb + (1 − d)g (b ← g on the first step), p ← p − ηb, or by Nesterov p ← p − η(g + μb).

    Polyak (1964); Sutskever et al., "On the importance of initialization and momentum in deep learning"
    (ICML 2013), with the rate outside of the buffer, as torch has it. The first step is the one without a
    buffer: torch keeps no count, so a buffer that comes from torch stands for a step above 1.
    """
    g = side * g + pull * p
    momentum_buffer = keep * momentum_buffer + take * g
    return p - (rate * g + rate_buffer * momentum_buffer), momentum_buffer


PLAIN = Algorithm("sgd", ("lr", "weight_decay", "maximize"), (), prepare, update)
MOMENTUM = Algorithm(
    "sgd_momentum",
    ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"),
    ("momentum_buffer",),
    prepare_momentum,
    update_momentum,
)


def of(settings: Settings) -> Algorithm:
    """The rule that these settings ask for."""
    return MOMENTUM if settings["momentum"] != 0 else PLAIN


def check(settings: Settings) -> str | None:
    """Nesterov's step looks ahead along a momentum that is not dampened, as torch has it."""
    momentum, dampening = settings["momentum"], settings["dampening"]
    if not settings["nesterov"] or (momentum > 0 and dampening == 0):
        return None
    found = f"momentum={momentum}, dampening={dampening}"
    return f"nesterov=True needs momentum above 0 and dampening 0, and finds {found}."


SGD = Family(
    MappingProxyType(
        {
            "lr": 1e-3,
            "momentum": 0,
            "dampening": 0,
            "weight_decay": 0,
            "nesterov": False,
            "maximize": False,
        }
    ),
    of,
    check=check,
)
