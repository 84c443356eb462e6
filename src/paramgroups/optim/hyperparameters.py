"""What hyperparameters are: how torch packs them into a group, and which values they may take."""

import math
from collections.abc import Mapping
from itertools import count, takewhile
from types import MappingProxyType
from typing import Any, NamedTuple

PACKED = {"betas": "beta"}
"""Tuples that torch keeps under one key and we under one name for each part: betas -> beta1, beta2."""

PARTS = {f"{part}{number}": (key, number - 1) for key, part in PACKED.items() for number in (1, 2, 3)}
"""Which part of which tuple a hyperparameter is."""

RATE = "lr"

SWITCHES = ("foreach", "fused", "capturable", "differentiable")
"""How torch computes, not what: where a recipe does not say, whoever makes the optimizer does."""

CLIPPING: Mapping[str, Any] = MappingProxyType({"clip_norm": None, "clip_alone": False})
"""What any group that we build may be clipped by, whatever its optimizer reads; unsaid, it is not written."""

OPTIONAL = ("clip_norm",)
"""What is a number, or None where it is not done at all."""

Settings = dict[str, Any]


class Domain(NamedTuple):
    """The numbers that a hyperparameter may take: from `low` to `high`."""

    low: float
    high: float
    open_above: bool = False
    open_below: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, (int, float)) or not is_finite(value):
            return False
        return bool(self.spans(value))

    def spans(self, numbers: Any) -> Any:
        """Whether finite numbers are within: one, or each of an array."""
        above = numbers > self.low if self.open_below else numbers >= self.low
        return above & (numbers < self.high if self.open_above else numbers <= self.high)

    def __str__(self) -> str:
        if self.low == -math.inf:
            return "finite"
        if self.high == math.inf:
            return f"{'above' if self.open_below else 'at least'} {self.low:g}"
        return f"from {self.low:g} {'to below' if self.open_above else 'to'} {self.high:g}"


NON_NEGATIVE = Domain(0.0, math.inf)
POSITIVE = Domain(0.0, math.inf, open_below=True)
FINITE = Domain(-math.inf, math.inf)
FRACTION = Domain(0.0, 1.0)
DECAYING_AVERAGE = Domain(0.0, 1.0, open_above=True)

# `alpha` and `rho` are fractions in torch, and not in others: AdEMAMix has alpha=5, adaptive SAM rho=2.
DOMAINS = {
    "lr": NON_NEGATIVE,
    "weight_decay": NON_NEGATIVE,
    "eps": NON_NEGATIVE,
    "momentum": FRACTION,
    "rho": NON_NEGATIVE,
    "alpha": NON_NEGATIVE,
    "beta1": DECAYING_AVERAGE,
    "beta2": DECAYING_AVERAGE,
    "beta3": DECAYING_AVERAGE,
    "clip_norm": POSITIVE,
    "lr_decay": NON_NEGATIVE,
    "initial_accumulator_value": NON_NEGATIVE,
    "momentum_decay": NON_NEGATIVE,
}


def key_of(name: str) -> str:
    """The key under which a group has a hyperparameter.

    >>> key_of("beta2"), key_of("lr")
    ('betas', 'lr')
    """
    return PARTS.get(name, (name, 0))[0]


def is_number(value: object) -> bool:
    """Whether a value is a number that can be scaled: a switch is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_finite(value: float) -> bool:
    """Whether a number is finite: an int that no float can hold is not, since rates are floats."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def domain_of(name: str) -> Domain:
    """The numbers that this hyperparameter may take; any finite one where we know no better."""
    return DOMAINS.get(name, FINITE)


def unpack(settings: Mapping[str, Any]) -> Settings:
    """Give each part of a packed tuple its own name.

    >>> unpack({"lr": 0.1, "betas": (0.9, 0.99)})
    {'lr': 0.1, 'beta1': 0.9, 'beta2': 0.99}
    """
    flat: Settings = {}
    for key, value in settings.items():
        if key in PACKED and isinstance(value, (tuple, list)) and len(value) > 1:
            flat |= {f"{PACKED[key]}{number}": part for number, part in enumerate(value, 1)}
        else:
            flat[key] = value
    return flat


def pack(settings: Mapping[str, Any]) -> Settings:
    """The reverse of `unpack`: what a torch optimizer reads. A part alone, or one of None, stays what it is.

    >>> pack({"lr": 0.1, "beta1": 0.9, "beta2": 0.99})
    {'lr': 0.1, 'betas': (0.9, 0.99)}
    """
    packed = dict(settings)
    for key, part in PACKED.items():
        names = list(
            takewhile(lambda name: packed.get(name) is not None, (f"{part}{number}" for number in count(1)))
        )
        if len(names) > 1:
            packed[key] = tuple(packed.pop(name) for name in names)
    return packed
