"""Update rules, each written once as a small scalar function that every backend compiles.

A trust ratio (LAMB, LARS) is no rule of this form: its step needs two norms of a whole tensor. It fits as two
passes: one that writes the rule's direction in place of the gradient and sums its square and the weight's,
and one that is plain descent with the ratio of the two as a segment's rate.
"""

from collections.abc import Mapping
from types import MappingProxyType

from paramgroups.optim.algorithms.adagrad import ADAGRAD
from paramgroups.optim.algorithms.adam import ADAM, ADAMW
from paramgroups.optim.algorithms.algorithm import Algorithm, Family
from paramgroups.optim.algorithms.lion import LION
from paramgroups.optim.algorithms.nadam import NADAM
from paramgroups.optim.algorithms.radam import RADAM
from paramgroups.optim.algorithms.rmsprop import RMSPROP
from paramgroups.optim.algorithms.sgd import SGD

__all__ = ["ALGORITHMS", "Algorithm", "Family"]

ALGORITHMS: Mapping[str, Family] = MappingProxyType(
    {
        "adagrad": ADAGRAD,
        "adam": ADAM,
        "adamw": ADAMW,
        "lion": LION,
        "nadam": NADAM,
        "radam": RADAM,
        "rmsprop": RMSPROP,
        "sgd": SGD,
    }
)
"""By the lower-case name of the optimizer's class."""
