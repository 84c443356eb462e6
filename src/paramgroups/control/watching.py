"""What the controllers share that watch one metric and scale the rates of one selector."""

import json
import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Literal

from paramgroups.control.checks import CHECKS, LARGEST, SMALLEST
from paramgroups.errors import ParamGroupsError, RuleError
from paramgroups.rules import Controller, Observation, Rule, State, rule
from paramgroups.select import Selector, as_selector

Mode = Literal["min", "max"]
Answer = tuple[dict[str, Any], Sequence[Rule]]


@dataclass(frozen=True, repr=False)
class Watcher(Controller):
    """What watches one metric: when it is better, what is no measurement, and how far rates may move."""

    selector: Selector | str
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
        for field in fields(self):
            object.__setattr__(self, field.name, CHECKS[field.name](field.name, getattr(self, field.name)))
        if self.mode == "min" and self.threshold_mode == "relative" and self.threshold >= 1:
            raise RuleError(
                f"threshold={self.threshold!r} asks a metric to fall by all that it is: give a share below 1,"
                ' such as 1e-4, or threshold_mode="absolute".'
            )

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """Its selector."""
        return (as_selector(self.selector),)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Its metric."""
        return (self.metric,)

    @property
    def word(self) -> str:
        """What it is written as."""
        return type(self).__name__

    @property
    def title(self) -> str:
        """Its word, its selector and its metric."""
        named = (json.dumps(text, ensure_ascii=False) for text in (self.selectors[0].text, self.metric))
        return f"{self.word}({', '.join(named)})"

    def options(self) -> dict[str, Any]:
        """What differs from what is taken when unsaid."""
        found = {
            field.name: (getattr(self, field.name), field.default) for field in fields(self) if field.kw_only
        }
        return {name: value for name, (value, default) in found.items() if value != default}

    def to_data(self) -> dict[str, Any]:
        """Itself as plain data.

        Raises:
            RuleError: Its selector is a function.
        """
        selector = self.selectors[0]
        if selector.opaque:
            raise RuleError(
                f"{self.title}: its selector is a function, and a function is no data. Write a text."
            )
        return {"use": self.word, "select": selector.text, "metric": self.metric} | self.options()

    def __repr__(self) -> str:
        selector = self.selectors[0]
        parts = [repr(selector if selector.opaque else selector.text), repr(self.metric)]
        parts += [f"{name}={value!r}" for name, value in self.options().items()]
        return f"{self.word}({', '.join(parts)})"

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
        old = state["product"]
        asked = old * factor
        new = min(max(asked, self.floor or SMALLEST), self.ceiling or LARGEST)
        share = factor if new == asked else new / old
        # 0.1 × 0.1 is a bit more than a floor of 0.01: that is no cut.
        rules = [] if math.isclose(new, old, rel_tol=1e-12) else [rule(self.selector, lr_scale=share)]
        return {**state, "product": new}, rules
