"""Schedules that have a name of their own, and are made of others."""

from paramgroups.errors import ScheduleError
from paramgroups.schedules import shapes
from paramgroups.schedules.knots import triangular
from paramgroups.schedules.lengths import Length
from paramgroups.schedules.repeating import repeat
from paramgroups.schedules.schedule import Chain, Schedule, a_schedule

_TENTH = shapes.linear(length="10%")


def warmup_stable_decay(*, warmup: Length = "1%", decay: Schedule = _TENTH) -> Chain:
    """A warm-up, the full rate for as long as there is, and a decay at the very end.

    From Hu et al. (MiniCPM), arXiv:2404.06395. Of a training without a known end the decay does not begin
    until the end is told, so a run can go on at the full rate and be ended at any time.

    Args:
        warmup: How long the warm-up takes.
        decay: What comes last, with a length: `cosine(end=0.1, length="20%")`, `one_minus_sqrt(length=500)`,
            `exponential(0.5, every=100, length=500)`.

    Raises:
        ScheduleError: The decay has no length, or a setting is out of its range.

    Example:
        >>> warmup_stable_decay()
        warmup('1%').then(constant()).then(linear(length='10%'))
    """
    if any(part.length is None for part in a_schedule("decay", decay).shapes):
        raise ScheduleError(f'decay={decay!r} has no length. Give it one, such as length="10%".')
    return shapes.warmup(warmup).then(shapes.constant()).then(decay)


def warm_restarts(*, every: Length, stretch: int = 1, end: float = 0.0) -> repeat:
    """Half a cosine over and over: torch's `CosineAnnealingWarmRestarts(T_0=every, T_mult=stretch)`.

    From Loshchilov and Hutter (SGDR), arXiv:1608.03983.

    Args:
        every: Ticks of the first.
        stretch: How many times as long as the one before each is.
        end: Factor at the end of each, torch's `eta_min` as a share of each group's own base.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> from paramgroups.schedules import Horizon
        >>> at = warm_restarts(every=10, stretch=2).over(Horizon.of())
        >>> at(0), at(5), at(10), at(20), at(30)
        (1.0, 0.5, 1.0, 0.5, 1.0)
    """
    return repeat(shapes.cosine(end=end), every=every, stretch=stretch)


def slanted_triangular(*, start: float = 1 / 32, rise: Length = "10%") -> triangular:
    """A short climb and a long fall: the schedule of ULMFiT, Howard and Ruder, arXiv:1801.06146.

    The formula is theirs where the climb is a whole number of ticks; they cut it to one, and here the top
    may lie between two. `start` is their 1 ÷ ratio, `rise` their cut_frac.

    Args:
        start: Factor at the first tick and at the end.
        rise: When it is at 1.

    Raises:
        ScheduleError: A setting is out of its range.

    Example:
        >>> slanted_triangular()
        triangular(start=0.03125, rise='10%')
    """
    return triangular(start=start, rise=rise)
