"""When the level of a row thaws: what ready-made rules of freezing give their windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from paramgroups.errors import RuleError
from paramgroups.indexing import Row
from paramgroups.recipes.levels import ByDepth, levels_of, written
from paramgroups.rules.checks import one_of
from paramgroups.rules.values import Data
from paramgroups.schedules import Length
from paramgroups.schedules.lengths import length, period, read_length

Order = Literal["top_down", "bottom_up"]
Moment = Literal["turn", "rest", "all"]


@dataclass(frozen=True, slots=True)
class GradualUnfreezing(ByDepth):
    """When the level of a row thaws; made by `gradual_unfreezing`, where its fields are explained."""

    every: Length | None = None
    over: Length | None = None
    order: Order = "top_down"
    start: Length = 0

    def __post_init__(self) -> None:
        if (self.every is None) == (self.over is None):
            raise RuleError(
                'gradual_unfreezing: give every= (such as "1 epoch", from one level to the next), or over= '
                '(such as "30%", when the last level thaws), and not both.'
            )
        named = "over" if self.every is None else "every"
        object.__setattr__(self, named, period(f"gradual_unfreezing: {named}", getattr(self, named)))
        object.__setattr__(self, "start", length("gradual_unfreezing: start", self.start))
        one_of("top_down", "bottom_up")("gradual_unfreezing: order", self.order)
        self._check(named)

    def _check(self, named: str) -> None:
        given = getattr(self, named)
        (begun, unit), (number, other) = read_length("start", self.start), read_length(named, given)
        if begun and unit != other:
            raise RuleError(
                f"gradual_unfreezing(start={self.start!r}, {named}={given!r}): both are counted from the "
                "beginning, so write both in one unit: ticks, epochs, steps or shares."
            )
        if named == "over" and begun >= number:
            raise RuleError(
                f"gradual_unfreezing(start={self.start!r}, over={given!r}): the last level would thaw before "
                "the first. Let over= lie after start=."
            )

    @property
    def label(self) -> str:
        """Its name."""
        given = {"every": self.every, "over": self.over}
        return f"gradual_unfreezing({', '.join(f'{key}={one!r}' for key, one in given.items() if one)})"

    def resolve(self, rows: Sequence[Row]) -> list[Any]:
        """The first tick at which each row is trained."""
        levels = levels_of(rows, self.label)
        thaws = {
            (tower, depth): self._thaw(found, depth) for tower, found in levels.items() for depth in found
        }
        return [thaws[row.tower, row.depth] for row in rows]

    def _thaw(self, depths: Sequence[int], depth: int) -> Length:
        rank, last = depths.index(depth), len(depths) - 1
        rank = last - rank if self.order == "top_down" else rank
        begun, unit = read_length("start", self.start)
        if self.every is not None:
            each, unit = read_length("every", self.every)
            return written(begun + rank * each, unit)
        end, unit = read_length("over", self.over)
        return written(begun + (end - begun) * Fraction(rank, max(last, 1)), unit)

    def to_data(self) -> Data:
        """Itself as plain data."""
        unsaid = {"every": None, "over": None, "order": "top_down", "start": 0}
        given = {name: getattr(self, name) for name in unsaid}
        return {"use": "gradual_unfreezing"} | {
            name: value for name, value in given.items() if value != unsaid[name]
        }


@dataclass(frozen=True, slots=True)
class ChainThaw(ByDepth):
    """When the turn of a row's level comes, when it is over, or when all are trained; see `chain_thaw`."""

    every: Length
    moment: Moment = "turn"

    def __post_init__(self) -> None:
        object.__setattr__(self, "every", period("chain_thaw: every", self.every))
        one_of("turn", "rest", "all")("chain_thaw: moment", self.moment)

    @property
    def label(self) -> str:
        """Its name."""
        return f"chain_thaw({self.every!r})"

    def resolve(self, rows: Sequence[Row]) -> list[Any]:
        """The tick of this moment for each row."""
        levels = levels_of(rows, self.label)
        longest = max(map(len, levels.values()), default=0)
        number, unit = read_length("every", self.every)
        moments = {
            (tower, depth): written(number * self._turns(found, depth, longest), unit)
            for tower, found in levels.items()
            for depth in found
        }
        return [moments[row.tower, row.depth] for row in rows]

    def _turns(self, depths: Sequence[int], depth: int, longest: int) -> int:
        """How many turns have been taken by then: the top's is the first, the input's the second."""
        turn = 0 if depth == depths[-1] else depths.index(depth) + 1
        return {"turn": turn, "rest": turn + 1, "all": longest}[self.moment]

    def to_data(self) -> Data:
        """Itself as plain data."""
        return {"use": "chain_thaw", "every": self.every, "moment": self.moment}
