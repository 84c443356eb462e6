"""Where within a part: at a tick, or a share of the part's own length."""

from dataclasses import replace
from fractions import Fraction

from paramgroups.errors import ScheduleError, shown
from paramgroups.schedules.horizon import Horizon
from paramgroups.schedules.lengths import Length


def place(word: str, setting: str, value: Length, horizon: Horizon, ticks: int | None) -> Fraction:
    """The tick of a part that a length names, perhaps between two.

    Args:
        word: The part's name in errors.
        setting: The setting's name in errors.
        value: The length; a share is of the part.
        horizon: What the part stands in.
        ticks: How long the part takes; None where training has no known end.

    Raises:
        ScheduleError: It is past the part's end, or asks what the horizon does not know.

    Example:
        >>> place("one_cycle", "rise", "30%", Horizon.of(steps=100), 50)
        Fraction(15, 1)
    """
    found = replace(horizon, ticks=ticks).exact(value, f"{word}: {setting}")
    if ticks is not None and found > ticks:
        raise ScheduleError(
            f"{word}: {setting}={shown(value)} is past the end of its {ticks:,} {horizon.unit}s."
            " Write an earlier one, or train for longer."
        )
    return found
