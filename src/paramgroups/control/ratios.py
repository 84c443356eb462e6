# ruff: noqa: N801 - a controller is written as a word in a recipe, and its repr pastes back
"""Brings a group that moves too far for its size, or not far enough, back within bounds."""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from paramgroups.control.bounding import anew, bounded
from paramgroups.control.checks import GUARD_CHECKS, cut_or_none
from paramgroups.control.guarding import Guard, Report, Verdict
from paramgroups.control.writing import Written
from paramgroups.errors import RuleError
from paramgroups.rules import State
from paramgroups.select import Selector

HARMFUL = 10
"""So many times above its bound an update undoes what weights have learned."""

FRESH: Mapping[str, Any] = {"off": 0, "rest": 0, "product": 1.0}
"""Of a group: updates in a row above (or, negative, below) the bounds, how many yet to rest, its factors."""


@dataclass(frozen=True, repr=False)
class ratio(Written, Guard):
    """Scale the rate of a group whose updates are out of bounds for its size: ‖w′ − w‖ / ‖w‖.

    More than `patience` updates in a row above `high` (or below `low`) scale the rate of that group alone,
    from the next update on, and the count begins anew. About 1e-3 is what healthy training often shows;
    small networks reach 0.02 at their highest rate, and their biases 0.1. What tells nothing is as unseen:
    updates that were left out, that moved nothing, or that left 0. Weights that begin at 0, as biases do,
    move far for their size at first: select `:matrix`, or give patience. An update more than ten times above
    `high` has done harm: `rollback` counts it as bad.

    Args:
        selector: Whose rates; each group is judged by itself.
        high: What the ratio should not exceed.
        low: What it should not fall below; None: nothing.
        factor: What a cut multiplies by and a raise divides by, below 1; None: by bound ÷ ratio, which
            brings it to the bound.
        patience: Updates in a row out of bounds that are let pass.
        cooldown: Updates after a change of a rate in which its group is not judged.
        floor: What the product of a group's own factors never falls below.
        ceiling: What it never exceeds; None: nothing.

    Raises:
        SelectorError: The selector is not in the language.
        RuleError: An option is out of its range.

    Example:
        >>> from paramgroups.optim.statistics import Statistics
        >>> guard = ratio("head", high=0.01, patience=0)
        >>> told = {"head": Statistics(grad_norm=1.0, weight_norm=10.0, update_norm=0.4, nonfinite=0)}
        >>> state, verdicts = guard.judge(guard.begin(), Report(7, told))
        >>> verdicts[0].factor
        0.25
    """

    selector: Selector | str = "**"
    _: KW_ONLY
    high: float
    low: float | None = None
    factor: float | None = None
    patience: int = 1
    cooldown: int = 0
    floor: float = 0.001
    ceiling: float | None = None

    checks: ClassVar[Mapping[str, Callable[[str, Any], Any]]] = GUARD_CHECKS | {"factor": cut_or_none}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low is not None and self.low >= self.high:
            raise RuleError(
                f"low={self.low!r} is not below high={self.high!r}: no ratio is within. Part them."
            )

    def begin(self) -> dict[str, Any]:
        """What is remembered of the groups that are, or were, out of bounds."""
        return {"groups": {}}

    def judge(self, state: State, report: Report) -> tuple[State, Sequence[Verdict]]:
        """Scale what was out of bounds for too long."""
        groups: dict[str, Any] = dict(state["groups"])
        verdicts: list[Verdict] = []
        low, high = self.low or 0.0, self.high
        beyond = [pair for pair in report.ratios.items() if not low <= pair[1] <= high or pair[0] in groups]
        for name, found in beyond:
            if not 0 < found < math.inf or name in report.refused:
                continue
            bound = self._crossed(found)
            groups[name] = one = self._counted(groups.get(name, FRESH), bound)
            if bound is not None and abs(one["off"]) > self.patience:
                groups[name], change = self._scaled(one, bound, found)
                verdicts += [_verdict(name, change, found, bound, abs(one["off"]))] if change != 1 else []
        return {"groups": groups}, verdicts

    def dropped_of(self, state: State, groups: Container[str]) -> State:
        """As before its first factor of these groups."""
        return {"groups": anew(state["groups"], groups)}

    def _crossed(self, found: float) -> float | None:
        """The bound that a ratio is beyond."""
        if found > self.high:
            return self.high
        return self.low if self.low is not None and found < self.low else None

    def _counted(self, one: Mapping[str, Any], bound: float | None) -> dict[str, Any]:
        if one["rest"] or bound is None:
            return {**one, "off": 0, "rest": max(one["rest"] - 1, 0)}
        off = max(one["off"], 0) + 1 if bound == self.high else min(one["off"], 0) - 1
        return {**one, "off": off}

    def _scaled(self, one: Mapping[str, Any], bound: float, found: float) -> tuple[dict[str, Any], float]:
        factor = bound / found if self.factor is None else self.factor
        if self.factor is not None and bound == self.low:
            factor = 1 / self.factor
        product, change = bounded(one["product"], factor, self.floor, self.ceiling)
        rest = self.cooldown if change != 1 else 0
        return {"off": 0, "rest": rest, "product": product}, change


def _verdict(name: str, change: float, found: float, bound: float, count: int) -> Verdict:
    side = "above" if found > bound else "below"
    times = "1 update" if count == 1 else f"{count} updates in a row"
    reason = f"update ratio {found:.3g} of {name}, {side} {bound:.3g} for {times}: rate × {change:.3g}"
    return Verdict("scale", (name,), change, reason, harm=found > HARMFUL * bound)
