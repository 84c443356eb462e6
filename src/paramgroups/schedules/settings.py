"""The words that shapes are set by; each means the same in every shape, so its check is said once."""

from collections.abc import Callable, Mapping

from paramgroups.schedules.checks import a_function, count, factor, factors, flag, one_of, positive, text
from paramgroups.schedules.lengths import length, period, periods, points

Checks = Mapping[str, Callable[[str, object], object]]

CHECKS: Checks = {
    "factor": factor,
    "start": factor,
    "end": factor,
    "peak": factor,
    "low": factor,
    "high": factor,
    "power": positive,
    "cycle_factor": positive,
    "tick_factor": positive,
    "length": length,
    "rise": length,
    "every": period,
    "timescale": period,
    "up": period,
    "down": period,
    "at": periods,
    "points": points,
    "times": count,
    "stretch": count,
    "between": one_of("linear", "cosine", "hold"),
    "symmetric": flag,
    "label": text,
    "fn": a_function,
    "of": one_of("progress", "tick"),
    "values": factors,
}
"""From a setting's name to what reads it: it returns the value in its one form, or raises ScheduleError."""
