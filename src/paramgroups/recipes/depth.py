"""Rates by depth: the nearer the input, the smaller."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paramgroups.errors import RuleError
from paramgroups.indexing import Row
from paramgroups.recipes.levels import ByDepth
from paramgroups.rules import Rule, rule
from paramgroups.rules.checks import factor
from paramgroups.rules.values import Data


@dataclass(frozen=True, slots=True)
class LayerDecay(ByDepth):
    """The factor decay ** (top - depth); made by `layer_decay`."""

    decay: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay", factor("layer_decay: decay", self.decay))
        if self.decay == 0:
            raise RuleError("layer_decay(0) would stop all but the top. Freeze by a rule: trainable=False.")
        if self.decay > 1:
            raise RuleError(
                f"layer_decay({self.decay:g}) would let the input learn fastest. Write a factor below 1, "
                "such as 0.75."
            )

    @property
    def label(self) -> str:
        """Its name."""
        return f"layer_decay({self.decay:g})"

    def resolve(self, rows: Sequence[Row]) -> list[Any]:
        """The value of each row."""
        if all(row.levels == 1 for row in rows):
            raise RuleError(
                f"{self.label}: all {len(rows)} parameters lie at one depth, so it would do nothing. "
                'Tell the depth: pg.plan(model, …, depth={"stem": 0, "blocks.0": 1, …}), or an example '
                "input to trace, example=batch."
            )
        return [self.decay ** (row.levels - 1 - row.depth) for row in rows]

    def to_data(self) -> Data:
        """Itself as plain data."""
        return {"use": "layer_decay", "decay": self.decay}


def layer_decay(decay: float, select: str = "**") -> Rule:
    """Multiply the rate by decay ** (top - depth): the head keeps it, each level below has less.

    In a model of several towers each tower counts its own depth. A schedule keeps these ratios, since
    it is a factor on top of them.

    Args:
        decay: Factor from one level to the next below, such as 0.75.
        select: Which parameters.

    Raises:
        RuleError: The decay is no number above 0 and up to 1; or, when planned, all parameters lie at
            one depth.

    Example:
        >>> import paramgroups as pg
        >>> pg.recipes.layer_decay(0.75)
        rule('**', lr_scale=LayerDecay(decay=0.75))

    Source: ELECTRA (arXiv 2003.10555), BEiT (arXiv 2106.08254); the idea of a rate for each layer is
    ULMFiT's (arXiv 1801.06146). They scale the weight decay too where the optimizer multiplies it by
    the rate, as AdamW does; so does this, and `plan.check()` says so.
    """
    return rule(select, lr_scale=LayerDecay(decay))
