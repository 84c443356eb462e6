"""WHEN: factors over training, as frozen objects that know no optimizer.

A factor multiplies a base value, so groups keep their ratios and a floor is a ratio. Lengths are ticks (an
int), `"10%"` of the horizon, `"3 epochs"` or `"500 steps"`.

Example:
    >>> schedule = warmup("5%").then(cosine(end=0.01))
    >>> at = schedule.over(Horizon.of(steps=1000))
    >>> at(0), at(49), at(1000)
    (0.02, 1.0, 0.01)
"""

from paramgroups.schedules.combining import clamp, product, window
from paramgroups.schedules.cycles import cyclic
from paramgroups.schedules.data import from_data, to_data
from paramgroups.schedules.decays import exponential, inverse_sqrt, milestones, step
from paramgroups.schedules.given import function, multiplicative, table, tabulate
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.knots import one_cycle, piecewise, triangular
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.ready import slanted_triangular, warm_restarts, warmup_stable_decay
from paramgroups.schedules.repeating import repeat
from paramgroups.schedules.schedule import Chain, Factor, Piece, Schedule, Shape
from paramgroups.schedules.shapes import constant, cosine, linear, one_minus_sqrt, polynomial, warmup

__all__ = [
    "Chain",
    "Factor",
    "Horizon",
    "Length",
    "Piece",
    "Schedule",
    "Shape",
    "clamp",
    "constant",
    "cosine",
    "cyclic",
    "exponential",
    "from_data",
    "function",
    "inverse_sqrt",
    "linear",
    "milestones",
    "multiplicative",
    "one_cycle",
    "one_minus_sqrt",
    "piecewise",
    "polynomial",
    "product",
    "repeat",
    "slanted_triangular",
    "step",
    "table",
    "tabulate",
    "to_data",
    "triangular",
    "warm_restarts",
    "warmup",
    "warmup_stable_decay",
    "window",
]
