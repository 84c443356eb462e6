"""Values by depth, the levels of depth among some rows, and lengths that are so many times another."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from paramgroups.errors import RuleError
from paramgroups.indexing import Row
from paramgroups.rules import RowValue
from paramgroups.schedules import Length
from paramgroups.schedules.horizon import nearest_tick
from paramgroups.schedules.lengths import Unit

WORDS = {"%": "%", "epoch": " epochs", "step": " steps"}
DIGITS = 15
"""So many digits after the point has the text of a length."""


class ByDepth(RowValue):
    """A value that a row has by its depth, which says more than the value does."""

    def where(self, row: Row) -> str:
        """The depth of a row, and its tower where there are several."""
        return f"depth {row.depth}" + (f" of {row.tower}" if row.tower else "")

    def word(self, row: Row, value: Any) -> str:  # noqa: ARG002  # the depth says more
        """The depth likewise."""
        return self.where(row)


def levels_of(rows: Sequence[Row], label: str) -> dict[str, list[int]]:
    """The distinct depths of rows in each tower, the nearest to the input first.

    Args:
        rows: The rows.
        label: Who asks, as an error names it.

    Raises:
        RuleError: All lie at one depth.
    """
    depths: dict[str, set[int]] = {}
    for row in rows:
        depths.setdefault(row.tower, set()).add(row.depth)
    if rows and all(len(found) == 1 for found in depths.values()):
        raise RuleError(
            f"{label}: all {len(rows)} parameters lie at one depth, so there is no order in which to thaw "
            'them. Select more of the model; or tell the depth: pg.plan(model, …, depth={"stem": 0, '
            '"blocks.0": 1, …}), or an example input to trace, example=batch.'
        )
    return {tower: sorted(found) for tower, found in depths.items()}


def written(number: Fraction, unit: Unit) -> Length:
    """So many of a unit, as users write it; at most the whole of training.

    >>> written(Fraction(3), "epoch"), written(Fraction(10, 3), "%"), written(Fraction(5, 2), "tick")
    ('3 epochs', '3.333333333333334%', 3)
    """
    if unit in ("tick", "step"):
        number = Fraction(nearest_tick(number))
    if unit == "tick":
        return int(number)
    number = min(number, Fraction(100)) if unit == "%" else number
    # Upwards, so that what is half a tick or more stays so.
    whole, rest = divmod(ceil(number * 10**DIGITS), 10**DIGITS)
    return f"{whole}.{rest:0{DIGITS}d}".rstrip("0").rstrip(".") + WORDS[unit]
