# ruff: noqa: N801 - a controller is written as a word in a recipe, and its repr pastes back
"""Leaves out the updates that are not finite."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from paramgroups.control.checks import GUARD_CHECKS
from paramgroups.control.guarding import Gate, Guard, Report, Verdict
from paramgroups.control.writing import Written
from paramgroups.rules import Observation, Rule, State
from paramgroups.select import Selector


@dataclass(frozen=True, repr=False)
class nonfinite(Written, Guard):
    """Leave out an update whose gradients are NaN or infinite: w′ = w, and no moment, no count moves.

    Nothing is multiplied by 0, which NaN survives. One bad update has no effect on the next.

    Args:
        selector: Whose gradients; one that is not finite holds all of them back.
        metric: Also where this metric is NaN or infinite, told by `scheduler.observe(loss=…)` before the
            update; of several that are told before one update, one such is enough.
        alone: A gradient that is not finite holds back its own group alone.

    Raises:
        SelectorError: The selector is not in the language.
        RuleError: An option is out of its range.

    Example:
        >>> from paramgroups.control import Observation
        >>> guard = nonfinite(metric="loss")
        >>> state, _ = guard.observe(guard.begin(), Observation(7, {"loss": float("nan")}))
        >>> guard.gate(state).shut
        True
        >>> state, _ = guard.judge(state, Report(7, {}))
        >>> guard.gate(state).shut
        False
    """

    selector: Selector | str = "**"
    _: KW_ONLY
    metric: str | None = None
    alone: bool = False

    checks: ClassVar[Mapping[str, Callable[[str, Any], Any]]] = GUARD_CHECKS

    @property
    def metrics(self) -> tuple[str, ...]:
        """Its metric, if it has one."""
        return () if self.metric is None else (self.metric,)

    def begin(self) -> dict[str, Any]:
        """The tick of the update that a metric holds back."""
        return {"shut": None}

    def observe(self, state: State, seen: Observation) -> tuple[State, Sequence[Rule]]:
        """Hold the next update back where the metric is not finite."""
        bad = any(not math.isfinite(seen[metric]) for metric in self.metrics)
        return held(state, seen.step, bad=bad), ()

    def gate(self, state: State) -> Gate:
        """Open to all that is finite, but for the update that the metric holds back."""
        return Gate(alone=self.alone, shut=state["shut"] is not None)

    def judge(self, state: State, report: Report) -> tuple[State, Sequence[Verdict]]:  # noqa: ARG002  # it was made
        """Let go of what was held back."""
        return released(state), ()


def held(state: State, step: float, *, bad: bool) -> State:
    """Its state with the update at a tick held back, perhaps because of what was told earlier.

    What was told of an update that was never made holds nothing back at a later tick.
    """
    shut = step if bad or state["shut"] == step else None
    return state if shut == state["shut"] else {**state, "shut": shut}


def released(state: State) -> State:
    """Its state after an update."""
    return state if state["shut"] is None else {**state, "shut": None}
