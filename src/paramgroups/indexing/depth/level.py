"""What a depth is."""

from typing import NamedTuple


class Level(NamedTuple):
    """Where a parameter stands in a tower: `depth` of `levels`, 0 nearest the input."""

    depth: int
    levels: int
    tower: str


FLAT = Level(0, 1, "")
