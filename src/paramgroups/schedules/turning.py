"""Where a factor turns: its smallest and largest values are there, or at its ends."""

import math
from collections.abc import Iterable, Sequence

Turns = Sequence[float]
"""Ticks, perhaps between two, where a factor may turn or jump; between neighbours it goes one way."""


def around(turns: Iterable[float]) -> set[int]:
    """The whole ticks about each turn: the one before, for a jump, and both neighbours, for a bend."""
    return {tick for turn in turns for tick in (math.floor(turn) - 1, math.floor(turn), math.ceil(turn))}
