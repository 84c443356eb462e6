"""How much time looks may take of a training that goes on."""

from collections.abc import Callable
from time import perf_counter

SHARE = 0.01
"""Of the time that passes."""
SAVED = 0.002
"""Seconds that can be saved up: after a long pause, such as a validation, steps are not slowed at once."""


class Allowance:
    """Gives looks a share of the time that passes, and is paid back first where one took more.

    Args:
        share: The part of the time.
        clock: Tells the time in seconds.

    Example:
        >>> times = iter([0.0, 0.1, 0.2, 0.3, 0.5])
        >>> allowance = Allowance(0.01, lambda: next(times))
        >>> allowance.open(), allowance.spend(0.0015), allowance.open(), allowance.open()
        (True, None, True, True)
        >>> allowance.spend(0.0035), allowance.open()
        (None, False)
    """

    def __init__(self, share: float = SHARE, clock: Callable[[], float] = perf_counter) -> None:
        self._share, self._clock = share, clock
        self._last = clock()
        self._balance = 0.0

    def open(self) -> bool:
        """Whether there is time left for a look."""
        now = self._clock()
        self._balance = min(self._balance + self._share * (now - self._last), SAVED)
        self._last = now
        return self._balance > 0

    def spend(self, seconds: float) -> None:
        """A look has taken so long."""
        self._balance -= seconds
