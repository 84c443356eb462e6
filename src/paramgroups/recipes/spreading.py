"""Rates spread over depth between two that are given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paramgroups.errors import RuleError
from paramgroups.indexing import Row
from paramgroups.recipes.levels import ByDepth
from paramgroups.rules.checks import factor
from paramgroups.rules.values import Data


@dataclass(frozen=True, slots=True)
class Spread(ByDepth):
    """The value lo × (hi ÷ lo) ** (depth ÷ (levels − 1)); made by `spread`."""

    lo: float
    hi: float

    def __post_init__(self) -> None:
        for end in ("lo", "hi"):
            object.__setattr__(self, end, factor(f"spread: {end}", getattr(self, end)))
        if not self.lo:
            raise RuleError(
                f"{self.label}: no geometric row begins at 0. Write a small rate, such as "
                "spread(1e-6, 1e-3), or freeze by a rule: trainable=False."
            )
        if self.lo > self.hi:
            raise RuleError(
                f"{self.label} would let the input learn fastest: the first is the rate nearest the input. "
                f"Swap them: spread({self.hi:g}, {self.lo:g})."
            )

    @property
    def label(self) -> str:
        """Its name."""
        return f"spread({self.lo:g}, {self.hi:g})"

    def resolve(self, rows: Sequence[Row]) -> list[Any]:
        """The value of each row."""
        if all(row.levels == 1 for row in rows):
            raise RuleError(
                f"{self.label}: all {len(rows)} parameters lie at one depth, so there is nothing to spread "
                'over. Tell the depth: pg.plan(model, …, depth={"stem": 0, "blocks.0": 1, …}), or an example '
                "input to trace, example=batch."
            )
        return [self._value(row) for row in rows]

    def _value(self, row: Row) -> float:
        if row.depth == row.levels - 1:
            return self.hi  # exactly
        value: float = self.lo * (self.hi / self.lo) ** (row.depth / (row.levels - 1))
        return value

    def to_data(self) -> Data:
        """Itself as plain data."""
        return {"use": "spread", "lo": self.lo, "hi": self.hi}


def spread(lo: float, hi: float) -> Spread:
    """Rates in equal ratios from the input to the head: lo × (hi ÷ lo) ** (depth ÷ (levels − 1)).

    It is a value for a rule: `pg.rule("**", lr=pg.spread(1e-6, 1e-3))`; in a file
    `lr = { use = "spread", lo = 1e-6, hi = 1e-3 }`. Depths are those of the whole model, whatever the rule
    selects; in a model of several towers each tower counts its own, and one of a single level has `hi`.

    Args:
        lo: Value nearest the input, above 0.
        hi: Value of the head, at least `lo`.

    Raises:
        RuleError: One is no number above 0, or `lo` is the larger; or, when planned, all parameters lie at
            one depth.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
        >>> rules = [pg.rule("**", lr=pg.spread(1e-4, 1e-2))]
        >>> plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=1e-3, rules=rules))
        >>> [f"{plan[f'{layer}.weight'].lr:g}" for layer in range(3)]
        ['0.0001', '0.001', '0.01']

    Source: fastai's `slice(lo, hi)` for `fit_one_cycle` and `freeze_to`; the idea is ULMFiT's (arXiv
    1801.06146). fastai spreads over the parameter groups that a splitter gives, often two or three; this
    spreads over the levels of depth that the index finds. fastai's `slice(hi)`, a tenth of the rate for all
    but the last group, is `pg.recipes.backbone_head(hi / 10, hi)`.
    """
    return Spread(lo, hi)
