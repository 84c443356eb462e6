"""RMSprop: plain, centered, with momentum, with both."""
# ruff: noqa: PLR0913, PLR0917 - a rule's arguments are the symbols of its formula

from types import MappingProxyType

from paramgroups.optim.algorithms.algorithm import Algorithm, Family, Numbers, Settings
from paramgroups.optim.algorithms.words import maximum, sqrt

HYPERS = ("lr", "alpha", "eps", "weight_decay", "momentum", "maximize")


def prepare(
    step: float,  # noqa: ARG001 - all rules take it
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: float,
) -> Numbers:
    """The constants of all four."""
    return 1.0 - 2.0 * maximize, weight_decay, alpha, 1.0 - alpha, eps, lr, momentum, 0.0


def update(
    p: float,
    g: float,
    square_avg: float,
    side: float,
    pull: float,
    keep: float,
    take: float,
    eps: float,
    lr: float,
    momentum: float,  # noqa: ARG001 - one `prepare` for all four
    zero: float,  # noqa: ARG001 - likewise
) -> Numbers:
    """One number of RMSprop.

    g ← g + λp, v ← αv + (1 − α)g², p ← p − η g / (√v + ε).

    Tieleman and Hinton, "Lecture 6.5: RMSprop" (2012); ε outside of the root, as torch has it.
    """
    g = side * g + pull * p
    square_avg = keep * square_avg + take * g * g
    return p - lr * g / (sqrt(square_avg) + eps), square_avg


def update_momentum(
    p: float,
    g: float,
    square_avg: float,
    momentum_buffer: float,
    side: float,
    pull: float,
    keep: float,
    take: float,
    eps: float,
    lr: float,
    momentum: float,
    zero: float,  # noqa: ARG001 - one `prepare` for all four
) -> Numbers:
    """As `update`, with b ← μb + g / (√v + ε) and p ← p − ηb."""
    g = side * g + pull * p
    square_avg = keep * square_avg + take * g * g
    momentum_buffer = momentum * momentum_buffer + g / (sqrt(square_avg) + eps)
    return p - lr * momentum_buffer, square_avg, momentum_buffer


def update_centered(
    p: float,
    g: float,
    square_avg: float,
    grad_avg: float,
    side: float,
    pull: float,
    keep: float,
    take: float,
    eps: float,
    lr: float,
    momentum: float,  # noqa: ARG001 - one `prepare` for all four
    zero: float,
) -> Numbers:
    """As `update`, with a ← αa + (1 − α)g and √(v − a²) for √v. Graves (arXiv 1308.0850).

    Where rounding makes v − a² negative, it is 0 here; torch's weights become NaN.
    """
    g = side * g + pull * p
    square_avg = keep * square_avg + take * g * g
    grad_avg = grad_avg + take * (g - grad_avg)
    return p - lr * g / (sqrt(maximum(square_avg - grad_avg * grad_avg, zero)) + eps), square_avg, grad_avg


def update_both(
    p: float,
    g: float,
    square_avg: float,
    momentum_buffer: float,
    grad_avg: float,
    side: float,
    pull: float,
    keep: float,
    take: float,
    eps: float,
    lr: float,
    momentum: float,
    zero: float,
) -> Numbers:
    """Centered, and with momentum."""
    g = side * g + pull * p
    square_avg = keep * square_avg + take * g * g
    grad_avg = grad_avg + take * (g - grad_avg)
    root = sqrt(maximum(square_avg - grad_avg * grad_avg, zero))
    momentum_buffer = momentum * momentum_buffer + g / (root + eps)
    return p - lr * momentum_buffer, square_avg, momentum_buffer, grad_avg


RULES = {
    (False, False): Algorithm("rmsprop", HYPERS, ("square_avg",), prepare, update),
    (False, True): Algorithm(
        "rmsprop_momentum", HYPERS, ("square_avg", "momentum_buffer"), prepare, update_momentum
    ),
    (True, False): Algorithm(
        "rmsprop_centered", HYPERS, ("square_avg", "grad_avg"), prepare, update_centered
    ),
    (True, True): Algorithm(
        "rmsprop_centered_momentum",
        HYPERS,
        ("square_avg", "momentum_buffer", "grad_avg"),
        prepare,
        update_both,
    ),
}
"""By centered and with momentum."""


def of(settings: Settings) -> Algorithm:
    """The rule that these settings ask for."""
    return RULES[bool(settings["centered"]), settings["momentum"] > 0]


RMSPROP = Family(
    MappingProxyType(
        {
            "lr": 1e-2,
            "momentum": 0,
            "alpha": 0.99,
            "eps": 1e-8,
            "centered": False,
            "weight_decay": 0,
            "maximize": False,
        }
    ),
    of,
)
