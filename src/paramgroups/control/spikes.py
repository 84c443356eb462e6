# ruff: noqa: N801 - a controller is written as a word in a recipe, and its repr pastes back
"""Leaves out, or clips, what is far above what was lately."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from paramgroups.control.checks import GUARD_CHECKS, at_least_one, positive_or_none
from paramgroups.control.finite import held, released
from paramgroups.control.guarding import Gate, Guard, Report, Verdict
from paramgroups.control.robust import EMPTY, bound_of, remembered
from paramgroups.control.writing import Written
from paramgroups.errors import RuleError
from paramgroups.rules import Observation, Rule, State
from paramgroups.select import Selector

NORM = "norm"
"""What the window is called that holds the norm of all groups together."""
FLOORS = {True: 0.2, False: 0.05}
"""Of a norm and of a metric: a batch's loss varies by percents, the norm of its gradient by tens of them."""
FRESH: Mapping[str, Any] = {**EMPTY, "refused": 0}


# The options as they are were tried on 20,000 good updates of a small convolutional network on digits and of
# a small transformer on Python sources, with AdamW and SGD: 1 norm was refused and 3 losses (25 to 41 times
# the median, with SGD on digits learned by heart); of 480,000 norms of tensors alone 21.
@dataclass(frozen=True, repr=False)
class spike(Written, Guard):
    """Leave out or clip an update whose gradients, or whose loss, are far above what they were lately.

    The score of x is (x − median) / max(1.4826 × MAD, floor × |median|), of the last `window` values that
    were accepted; MAD is the median of |x − median|. So one spike, or ten, moves neither the median nor the
    spread, a second equal spike is refused as the first was, and what is not finite never enters: it is
    refused whatever the score. What is far below is let pass. Median and MAD are taken anew with every
    sixteenth of the window, not with every value.

    The window begins anew when the set of groups that have gradients changes, as at a thaw: their norms
    together are another quantity. That is known after the first such update, which is still held to the old
    bound. Where it changes from update to update (experts, two models in turn), give `alone=True`.

    Args:
        selector: Whose gradients; without a metric the norm of all of them together is scored.
        metric: Score this instead, such as "loss", told by `scheduler.observe(loss=…)` before the update.
        score: Above this it is a spike.
        window: The score is taken from so many accepted values.
        least: Nothing is judged before so many were accepted.
        floor: What the spread is at least, as a share of the median; so history that hardly varies does not
            make a spike of everything. None: 0.2 for norms, 0.05 for a metric.
        action: `"skip"` leaves the update out; `"clip"` scales the gradients to the bound (norms alone).
        patience: After so many spikes in a row the level is taken as new: the window begins anew.
        alone: Each group is scored by a window of its own and is held back alone; costs a window for each.

    Raises:
        SelectorError: The selector is not in the language.
        RuleError: An option is out of its range, or one has no meaning beside another.

    Example:
        >>> from paramgroups.control import Observation
        >>> guard = spike(metric="loss", least=4)
        >>> state = guard.begin()
        >>> for step, loss in enumerate([1.0, 1.1, 0.9, 1.0, 9.0]):
        ...     state, _ = guard.observe(state, Observation(step, {"loss": loss}))
        >>> guard.gate(state)
        Gate(bound=inf, clip=False, alone=False, shut=True, bounds={})
    """

    selector: Selector | str = "**"
    metric: str | None = None
    _: KW_ONLY
    score: float = 20.0
    window: int = 256
    least: int = 32
    floor: float | None = None
    action: Literal["skip", "clip"] = "skip"
    patience: int = 10
    alone: bool = False

    checks: ClassVar[Mapping[str, Callable[[str, Any], Any]]] = GUARD_CHECKS | {
        "floor": positive_or_none,
        "patience": at_least_one,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least > self.window:
            raise RuleError(
                f"least={self.least} accepted values never stand in window={self.window}: give at most that."
            )
        if self.metric is not None and (self.action == "clip" or self.alone):
            option = 'action="clip"' if self.action == "clip" else "alone=True"
            raise RuleError(
                f'spike(metric="{self.metric}") and {option}: only norms of gradients can be clipped, or told'
                f" by group. Leave one of them out."
            )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Its metric, if it has one."""
        return () if self.metric is None else (self.metric,)

    def begin(self) -> dict[str, Any]:
        """The update that a metric holds back, the groups that had gradients, and a window for each value."""
        return {"shut": None, "groups": [], "windows": {}}

    def observe(self, state: State, seen: Observation) -> tuple[State, Sequence[Rule]]:
        """Hold the next update back where the metric is a spike, or not finite."""
        if self.metric is None:
            return state, ()
        value = float(seen[self.metric])
        bad = not math.isfinite(value) or _is_above(state, self.metric, value)
        return held(self._followed(state, {self.metric: value}), seen.step, bad=bad), ()

    def gate(self, state: State) -> Gate | None:
        """The bound of the norm, at which its score is what is allowed."""
        if self.metric is not None:
            return Gate(shut=True) if state["shut"] is not None else None
        bounds = {name: one["bound"] for name, one in state["windows"].items() if one["bound"] is not None}
        clip = self.action == "clip"
        if self.alone:
            return Gate(clip=clip, alone=True, bounds=bounds)
        return Gate(bounds.get(NORM, math.inf), clip=clip)

    def judge(self, state: State, report: Report) -> tuple[State, Sequence[Verdict]]:
        """Remember the norms that were accepted."""
        if self.metric is not None:
            return released(state), ()
        if self.alone:
            norms = {name: told.grad_norm for name, told in report.groups.items()}
            return self._followed(state, norms, report.refused), ()
        groups = sorted(report.groups)
        if groups and groups != state["groups"]:
            state = {**state, "groups": groups, "windows": {}}
        norm = math.hypot(*report.grad_norms)
        refused = {NORM} if report.refused else ()
        return self._followed(state, {NORM: norm} if groups else {}, refused), ()

    def _followed(self, state: State, values: Mapping[str, float], refused: Any = ()) -> State:
        """Its state with each finite value in its window, or among what was refused."""
        windows = dict(state["windows"])
        for name, value in values.items():
            if _is_above(state, name, value) and math.isfinite(value):
                windows[name] = self._refused(windows[name])
            elif name not in refused and math.isfinite(value):
                windows[name] = self._accepted(windows.get(name, FRESH), value)
        return {**state, "windows": windows}

    def _accepted(self, window: Mapping[str, Any], value: float) -> dict[str, Any]:
        now = remembered(window, value, self.window, self.least, self._bound)
        return {**now, "refused": 0} if now["refused"] else now

    def _bound(self, values: Sequence[float]) -> float | None:
        floor = FLOORS[self.metric is None] if self.floor is None else self.floor
        return bound_of(values, self.score, floor)

    def _refused(self, window: Mapping[str, Any]) -> Mapping[str, Any]:
        again = window["refused"] + 1
        return dict(FRESH) if again >= self.patience else {**window, "refused": again}


def _is_above(state: State, name: str, value: float) -> bool:
    window = state["windows"].get(name)
    return window is not None and window["bound"] is not None and value > window["bound"]
