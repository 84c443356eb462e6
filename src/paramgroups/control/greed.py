# ruff: noqa: N801 - a controller is written as a word in a recipe, and its repr pastes back
"""Raises while a metric improves, and cuts when it does not."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from paramgroups.control.watching import Answer, Watcher
from paramgroups.errors import RuleError
from paramgroups.rules import State, rule


@dataclass(frozen=True, repr=False, kw_only=True)
class greedy(Watcher):
    """Raise rates while a metric improves, cut them when it does not: rate ÷ factor, rate × factor.

    More than `patience` good observations in a row raise, as many bad ones cut, and the count begins anew.
    From Subramanian, Krishnamoorthy and Murthy, arXiv:2512.14527. The decisions are those of transformers'
    `GreedyLR`, whose `min_lr` and `max_lr` are shares of each group's own rate here, `warmup` is `settle`,
    `smooth` and `window_size` are `window`, `reset_start` is `restart`. Differences: a restart takes back its
    own factors and leaves edits as they are, there is no `eps`, and one NaN does not stay in the mean.

    Args:
        selector: Whose rates.
        metric: What is watched.
        factor: What a cut multiplies by and a raise divides by, between 0 and 1.
        patience: Good, or bad, observations in a row that are let pass.
        mode: `"min"` where less is better.
        threshold: What an improvement must exceed: a share of the best, or an amount.
        threshold_mode: `"relative"` or `"absolute"`, as in `plateau`.
        cooldown: Observations after a cut that are not judged.
        settle: Observations after a raise that are not judged.
        floor: What the product of its own factors never falls below.
        ceiling: What it never exceeds; None: nothing.
        window: The mean of so many observations is judged; 1: each by itself.
        restart: Cuts asked for at the floor, the one that reaches it included, until it starts again with its
            factors taken back and its best forgotten. With `floor=0.0` it never does.
        nan: What NaN is, and infinity on the good side: `"ignore"` (as if unseen), `"bad"` or `"error"`.

    Raises:
        SelectorError: The selector is not in the language.
        RuleError: An option is out of its range.

    Example:
        >>> from paramgroups.control import Observation
        >>> bold = greedy("head", "loss", factor=0.5, patience=1)
        >>> state = bold.begin()
        >>> for step, loss in enumerate([1.0, 0.9]):
        ...     state, rules = bold.observe(state, Observation(step, {"loss": loss}))
        >>> rules
        [rule('head', lr_scale=2.0)]
    """

    factor: float = 0.95
    threshold: float = 1e-6
    threshold_mode: Literal["relative", "absolute"] = "absolute"
    floor: float = 0.01
    ceiling: float | None = 10.0
    settle: int = 0
    window: int = 1
    restart: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor > 1:
            raise RuleError(
                f"factor={self.factor!r}: greedy raises by 1 ÷ factor. Write factor={1 / self.factor!r}."
            )

    def begin(self) -> dict[str, Any]:
        """As plateau's, and: good observations in a row, cuts at the floor, the last observations."""
        counts = {"good": 0, "bad": 0, "rest": 0, "floored": 0}
        return {"best": None, "product": 1.0, "window": [], **counts}

    def _follow(self, state: State, value: float) -> Answer:
        state, value = self._smooth(state, value)
        if state["rest"]:
            return {**state, "rest": state["rest"] - 1, "good": 0, "bad": 0}, []
        if self._better(value, state["best"]):
            now = {**state, "best": value, "good": state["good"] + 1, "bad": 0}
        else:
            now = {**state, "good": 0, "bad": state["bad"] + 1}
        if now["good"] > self.patience:
            now |= {"good": 0, "rest": self.settle, "floored": 0}
            return self._scaled(now, 1 / self.factor)
        return self._cut(now) if now["bad"] > self.patience else (now, [])

    def _smooth(self, state: State, value: float) -> tuple[dict[str, Any], float]:
        """The state with a measurement in its window, and the mean; JSON holds no infinity, so None is it."""
        window = [*state["window"], value if math.isfinite(value) else None][-self.window :]
        mean = self._worst if None in window else sum(window) / len(window)
        return {**state, "window": window}, mean

    def _cut(self, state: State) -> Answer:
        cut, rules = self._scaled({**state, "bad": 0, "rest": self.cooldown}, self.factor)
        if not self.floor or cut["product"] > self.floor:
            return cut, rules
        if cut["floored"] + 1 < self.restart:
            return {**cut, "floored": cut["floored"] + 1}, rules
        back = [rule(self.selector, lr_scale=1 / state["product"])] if state["product"] != 1 else []
        return {**self.begin(), "rest": self.cooldown}, back
