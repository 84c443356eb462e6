# ruff: noqa: N801 - a controller is written as a word in a recipe, and its repr pastes back
"""Cuts when a metric stops improving."""

from dataclasses import dataclass
from typing import Any

from paramgroups.control.watching import Answer, Watcher
from paramgroups.rules import State


@dataclass(frozen=True, repr=False)
class plateau(Watcher):
    """Cut rates when a metric stops improving: rate × factor after more than `patience` bad observations.

    An observation is good when it is better than the best by more than the threshold, else bad; a good one
    begins the count anew. The decisions are those of `torch.optim.lr_scheduler.ReduceLROnPlateau` (`"rel"`
    and `"abs"` are written out here), with these differences: the cuts are factors on top of the schedule,
    `floor` is a share of each group's own rate, there is no `eps` that leaves small rates uncut, NaN need
    not count as bad, and `factor` may be above 1.

    Args:
        selector: Whose rates.
        metric: What is watched.
        factor: What a rate is multiplied by; above 1 it is raised.
        patience: Bad observations in a row that are let pass.
        mode: `"min"` where less is better.
        threshold: What an improvement must exceed: a share of the best, or an amount.
        threshold_mode: `"relative"`: better than best × (1 − threshold), for `"max"` (1 + threshold), which
            is meant for metrics above 0; `"absolute"`: better than best ∓ threshold.
        cooldown: Observations after a cut in which none counts as bad.
        floor: What the product of its own cuts never falls below; the last cut is shortened to reach it.
        ceiling: What the product of its own factors never exceeds; None: nothing.
        nan: What NaN is, and infinity on the good side: `"ignore"` (as if unseen), `"bad"` (as torch has
            NaN) or `"error"`.

    Raises:
        SelectorError: The selector is not in the language.
        RuleError: An option is out of its range.

    Example:
        >>> from paramgroups.control import Observation
        >>> halve = plateau("head", "val_loss", factor=0.5, patience=1)
        >>> state = halve.begin()
        >>> for step, loss in enumerate([1.0, 1.1, 1.2]):
        ...     state, rules = halve.observe(state, Observation(step, {"val_loss": loss}))
        >>> rules
        [rule('head', lr_scale=0.5)]
    """

    def begin(self) -> dict[str, Any]:
        """The best so far, bad observations in a row, how many yet to rest, the product of its factors."""
        return {"best": None, "bad": 0, "rest": 0, "product": 1.0}

    def _follow(self, state: State, value: float) -> Answer:
        better, resting = self._better(value, state["best"]), state["rest"] > 0
        now = {
            **state,
            "best": value if better else state["best"],
            "bad": 0 if better or resting else state["bad"] + 1,
            "rest": max(state["rest"] - 1, 0),
        }
        if now["bad"] <= self.patience:
            return now, []
        return self._scaled({**now, "bad": 0, "rest": self.cooldown}, self.factor)
