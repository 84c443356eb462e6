# ruff: noqa: N801 - a controller is written as a word in a recipe, and its repr pastes back
"""Cuts the rate of a group that runs away from what it was, and leaves the others."""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from paramgroups.control.bounding import anew, bounded
from paramgroups.control.checks import GUARD_CHECKS
from paramgroups.control.guarding import Guard, Report, Verdict
from paramgroups.control.robust import SHARE, median
from paramgroups.control.writing import Written
from paramgroups.errors import RuleError
from paramgroups.rules import State
from paramgroups.select import Selector

HARMLESS = {"ratio": 0.01, "share": 0.1}
"""What is never too much: ten times the ratio that healthy training often shows, and a tenth of the whole."""
FRESH: Mapping[str, Any] = {"values": [], "off": 0, "rest": 0, "product": 1.0}
"""Of a group: its earlier values, values in a row above its bound, how many yet to rest, its factors."""


@dataclass(frozen=True, repr=False)
class divergence(Written, Guard):
    """Cut the rate of a group whose updates have grown to many times what they were, and stay there.

    More than `patience` updates in a row in which a group's value is above `times` the median of its own
    earlier ones, those above left out, cut the rate of that group alone; the others stay. The median is taken
    anew with every sixteenth of the window. A rate that is too
    high from the first update on has no better days to be told by: that is for `ratio`.

    Args:
        selector: Whose rates; each group is judged by itself.
        of: `"ratio"`: ‖w′ − w‖ / ‖w‖. `"share"`: ‖g‖ · ‖w′ − w‖ over the sum of it over the selected
            groups: the most that the group's move can have changed the loss to first order, for
            |g · (w′ − w)| is at most that; how much it did change it is not told. A share is at most 1, so a
            group whose share was above 1 ÷ times is never found.
        times: How many times the median is too much.
        above: What is not above this is never too much: a value next to nothing grows many times without
            harm. None: 0.01 of a ratio, 0.1 of a share.
        window: The median is taken of so many earlier values.
        least: A group is not judged before it has so many.
        factor: What a rate is cut by.
        patience: Values in a row above that are let pass.
        cooldown: Updates after a cut in which its group is not judged.
        floor: What the product of a group's own cuts never falls below.

    Raises:
        SelectorError: The selector is not in the language.
        RuleError: An option is out of its range.

    Example:
        >>> from paramgroups.optim.statistics import Statistics
        >>> guard, cuts = divergence("head", least=4, patience=1), []
        >>> state = guard.begin()
        >>> for step, moved in enumerate([0.01, 0.01, 0.01, 0.01, 0.5, 0.5]):
        ...     told = {"head": Statistics(grad_norm=1.0, weight_norm=10.0, update_norm=moved, nonfinite=0)}
        ...     state, verdicts = guard.judge(state, Report(step, told))
        >>> verdicts[0].groups, verdicts[0].factor
        (('head',), 0.5)
    """

    selector: Selector | str = "**"
    _: KW_ONLY
    of: Literal["ratio", "share"] = "ratio"
    times: float = 10.0
    above: float | None = None
    window: int = 128
    least: int = 32
    factor: float = 0.5
    patience: int = 3
    cooldown: int = 10
    floor: float = 0.01

    checks: ClassVar[Mapping[str, Callable[[str, Any], Any]]] = GUARD_CHECKS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least > self.window:
            raise RuleError(
                f"least={self.least} earlier values never stand in window={self.window}: give at most that."
            )

    def begin(self) -> dict[str, Any]:
        """What is remembered of each group, what came since, and after how much of that it is taken in.

        Bounds, and the groups that were lately above theirs or rest, stand beside: of hundreds of groups that
        are well, no more is looked at.
        """
        return {"groups": {}, "bounds": {}, "restless": [], "late": [], "due": 1}

    def judge(self, state: State, report: Report) -> tuple[State, Sequence[Verdict]]:
        """Cut what has been too much for too long."""
        values, bounds = self._values(report), state["bounds"]
        above = {name for name, value in values.items() if value > bounds.get(name, math.inf)}
        after, verdicts = dict(state), list[Verdict]()
        if above or state["restless"]:
            found = self._counted(state, values, above)
            for name, one in found.items():
                if one["off"] > self.patience:
                    found[name], change = self._cut(one)
                    told = name, change, values[name], bounds[name], one["off"]
                    verdicts += [self._verdict(*told)] if change != 1 else []
            after["groups"] = {**state["groups"], **found}
            after["restless"] = [name for name, one in after["groups"].items() if one["off"] or one["rest"]]
        accepted = {name: value for name, value in values.items() if name not in above} if above else values
        after["late"] = [*state["late"], accepted]
        if len(after["late"]) < state["due"] and values.keys() <= after["groups"].keys():
            return after, verdicts
        return self._taken_in(after), verdicts

    def _counted(self, state: State, values: Mapping[str, float], above: set[str]) -> dict[str, Any]:
        """The groups that are above their bound, were lately, or rest, with one update more."""
        found = {}
        for name in sorted(values.keys() & {*above, *state["restless"]}):
            one = state["groups"][name]
            off = one["off"] + 1 if name in above and not one["rest"] else 0
            found[name] = {**one, "off": off, "rest": max(one["rest"] - 1, 0)}
        return found

    def _taken_in(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """With all that came since in the windows, and their bounds taken anew."""
        found, bounds, late = dict(state["groups"]), dict(state["bounds"]), state["late"]
        for name in dict.fromkeys(name for values in late for name in values):
            one = found.get(name, FRESH)
            window = [*one["values"], *(values[name] for values in late if name in values)][-self.window :]
            found[name] = {**one, "values": window}
            if (bound := self._bound(window)) is not None:
                bounds[name] = bound
            else:
                bounds.pop(name, None)
        counts = [len(one["values"]) for one in found.values()]
        lacking = [self.least - count for count in counts if count < self.least]
        due = max(1, min([*lacking, min(counts, default=0) // SHARE]))
        return {**state, "groups": found, "bounds": bounds, "late": [], "due": due}

    def dropped_of(self, state: State, groups: Container[str]) -> State:
        """As before its first cut of these groups."""
        return {**state, "groups": anew(state["groups"], groups)}

    def _values(self, report: Report) -> dict[str, float]:
        """What is judged of each group that moved."""
        found = report.ratios if self.of == "ratio" else _shares(report)
        return {
            name: value
            for name, value in found.items()
            if 0 < value < math.inf and name not in report.refused
        }

    def _bound(self, values: Sequence[float]) -> float | None:
        if len(values) < self.least:
            return None
        harmless = HARMLESS[self.of] if self.above is None else self.above
        bound = max(self.times * median(sorted(values)), harmless)
        return bound if math.isfinite(bound) else None

    def _cut(self, one: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        product, change = bounded(one["product"], self.factor, self.floor, None)
        return {**one, "off": 0, "rest": self.cooldown, "product": product}, change

    def _verdict(self, name: str, change: float, value: float, bound: float, off: int) -> Verdict:
        what = "update ratio" if self.of == "ratio" else "share of the predicted change of the loss"
        count = "1 update" if off == 1 else f"{off} updates in a row"
        allowed = f"above the {bound:.3g} that its earlier ones allow"
        reason = f"{what} {value:.3g} of {name}, {allowed}, for {count}: rate × {change:.3g}"
        return Verdict("scale", (name,), change, reason)


def _shares(report: Report) -> Mapping[str, float]:
    moved = {name: told for name, told in report.groups.items() if name not in report.refused}
    changes = {name: told.grad_norm * told.update_norm for name, told in moved.items()}
    total = math.fsum(changes.values())
    return {name: change / total for name, change in changes.items()} if 0 < total < math.inf else {}
