"""What the controllers share that watch one metric and scale the rates of one selector."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

from paramgroups.control.bounding import bounded
from paramgroups.control.writing import Written
from paramgroups.errors import ParamGroupsError, RuleError
from paramgroups.rules import Observation, Rule, State, rule

Mode = Literal["min", "max"]
Answer = tuple[dict[str, Any], Sequence[Rule]]


@dataclass(frozen=True, repr=False)
class Watcher(Written):
    """What watches one metric: when it is better, what is no measurement, and how far rates may move."""

    metric: str
    _: KW_ONLY
    factor: float = 0.1
    patience: int = 10
    mode: Mode = "min"
    threshold: float = 1e-4
    threshold_mode: Literal["relative", "absolute"] = "relative"
    cooldown: int = 0
    floor: float = 0.0
    ceiling: float | None = None
    nan: Literal["ignore", "bad", "error"] = "ignore"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode == "min" and self.threshold_mode == "relative" and self.threshold >= 1:
            raise RuleError(
                f"threshold={self.threshold!r} asks a metric to fall by all that it is: give a share below 1,"
                ' such as 1e-4, or threshold_mode="absolute".'
            )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Its metric."""
        return (self.metric,)

    def observe(self, state: State, seen: Observation) -> Answer:
        """What it makes of an observation.

        Raises:
            ParamGroupsError: The metric is NaN, and nan="error".
        """
        value = float(seen[self.metric])
        if math.isnan(value) or value == -self._worst:
            if self.nan == "error":
                raise ParamGroupsError(
                    f"{self.metric} is {value} at step {seen.step:,.15g}, which is no measurement. Mend what"
                    f' measures it, or give {self.word} nan="ignore" (as if unseen) or nan="bad".'
                )
            if self.nan == "ignore":
                return dict(state), []
            value = self._worst
        return self._follow(state, value)

    def dropped(self, state: State) -> State:
        """As before its first cut, for what floor and ceiling bound."""
        return {**state, "product": 1.0}

    @abstractmethod
    def _follow(self, state: State, value: float) -> Answer:
        """What it makes of a measurement: a finite number, or infinitely bad."""

    @property
    def _worst(self) -> float:
        return math.inf if self.mode == "min" else -math.inf

    def _better(self, value: float, best: float | None) -> bool:
        """Whether a value is better than the best by more than the threshold; None: there is no best yet."""
        sign = -1 if self.mode == "min" else 1
        best = self._worst if best is None else best
        relative = self.threshold_mode == "relative"
        edge = best * (1 + sign * self.threshold) if relative else best + sign * self.threshold
        return sign * value > sign * edge

    def _scaled(self, state: State, factor: float) -> Answer:
        """Scale the rates, as far as floor and ceiling let them be."""
        new, share = bounded(state["product"], factor, self.floor, self.ceiling)
        rules = [rule(self.selector, lr_scale=share)] if share != 1 else []
        return {**state, "product": new}, rules
