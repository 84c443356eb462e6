"""WHEN: factors over training, as frozen objects that know no optimizer.

A factor multiplies a base value, so groups keep their ratios and a floor is a ratio. Lengths are ticks (an
int), `"10%"` of the horizon, `"3 epochs"` or `"500 steps"`.

Example:
    >>> schedule = warmup("5%").then(cosine(end=0.01))
    >>> at = schedule.over(Horizon.of(steps=1000))
    >>> at(0), at(49), at(1000)
    (0.02, 1.0, 0.01)
"""

from paramgroups.schedules.data import from_data, to_data
from paramgroups.schedules.given import function, table, tabulate
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.schedule import Chain, Factor, Piece, Schedule, Shape
from paramgroups.schedules.shapes import (
    constant,
    cosine,
    exponential,
    linear,
    polynomial,
    step,
    warmup,
)

__all__ = [
    "Chain",
    "Factor",
    "Horizon",
    "Length",
    "Piece",
    "Schedule",
    "Shape",
    "constant",
    "cosine",
    "exponential",
    "from_data",
    "function",
    "linear",
    "polynomial",
    "step",
    "table",
    "tabulate",
    "to_data",
    "warmup",
]
