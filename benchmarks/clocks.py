"""The clock around the steps of a host, and around what is called of ours within them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Any

from paramgroups.run.engine import Engine

ONCE = ("on_train_begin", "on_train_start", "on_fit_start", "on_train_end", "on_fit_end")
"""What a host calls once a training, and in no step."""
DRIVING = ("step", "_before_update", "_count")
"""What is called of a scheduler in a step: by the loop, and by the optimizer before and after its update."""


class Steps:
    """The times at which the steps of a turn begin.

    Attributes:
        seconds: The mean step of each turn.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began: list[float] = []

    def begin(self) -> None:
        """A step begins."""
        self._began.append(perf_counter())

    def end(self) -> None:
        """The turn is over."""
        self.begin()
        began, self._began = self._began[1:], []
        self.seconds.append((began[-1] - began[0]) / (len(began) - 1))


class Own:
    """The clock around what is called of ours; what is called within another is counted once.

    Attributes:
        seconds: In all of the present turn.
        turns: For each update, of each turn.
    """

    def __init__(self) -> None:
        self.seconds, self._within = 0.0, False
        self.turns: list[float] = []

    def clocked(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function under the clock."""

        @wraps(call)
        def timed(*given: Any, **named: Any) -> Any:
            if self._within:
                return call(*given, **named)
            self._within, start = True, perf_counter()
            try:
                return call(*given, **named)
            finally:
                self.seconds += perf_counter() - start
                self._within = False

        return timed

    def end(self, steps: int) -> None:
        """A turn of so many steps is over."""
        self.turns.append(self.seconds / steps)
        self.seconds = 0.0


@contextmanager
def under_the_clock(own: Own, *callbacks: type) -> Iterator[None]:
    """All of ours that is called in a step is clocked: ticks, the optimizer's hooks, what callbacks do."""
    chosen: list[tuple[type, str]] = [(Engine, name) for name in DRIVING]
    for one in callbacks:
        chosen += [(one, name) for name in vars(one) if name.startswith("on_") and name not in ONCE]
    kept = [(owner, name, getattr(owner, name)) for owner, name in chosen]
    for owner, name, call in kept:
        setattr(owner, name, own.clocked(call))
    try:
        yield
    finally:
        for owner, name, call in kept:
            setattr(owner, name, call)
