"""Update rules, each written once as a small scalar function that every backend compiles.

A trust ratio (LAMB, LARS) needs sums over a whole tensor before its first number is written. So such a rule
reads the ratio as one more hyperparameter, `trust`: the step is rehearsed, which sums and writes nothing,
`Algorithm.trust` makes the ratio of the sums, and then it is stepped.
"""

from collections.abc import Mapping
from types import MappingProxyType

from paramgroups.optim.algorithms.adagrad import ADAGRAD
from paramgroups.optim.algorithms.adam import ADAM, ADAMW
from paramgroups.optim.algorithms.algorithm import Algorithm, Family
from paramgroups.optim.algorithms.lamb import LAMB
from paramgroups.optim.algorithms.lars import LARS
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
        "lamb": LAMB,
        "lars": LARS,
        "lion": LION,
        "nadam": NADAM,
        "radam": RADAM,
        "rmsprop": RMSPROP,
        "sgd": SGD,
    }
)
"""By the lower-case name of the optimizer's class."""
