"""The words that shapes are set by; each means the same in every shape, so its check is said once."""

from collections.abc import Callable

from paramgroups.schedules.checks import factor, factors, function_of_progress, positive, text
from paramgroups.schedules.lengths import length, period

CHECKS: dict[str, Callable[[str, object], object]] = {
    "factor": factor,
    "start": factor,
    "end": factor,
    "power": positive,
    "length": length,
    "every": period,
    "label": text,
    "fn": function_of_progress,
    "values": factors,
}
"""From a setting's name to what reads it: it returns the value in its one form, or raises ScheduleError."""
