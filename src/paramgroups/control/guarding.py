"""What a guard is: a controller that is told of every update, and may hold the next one back."""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from paramgroups.errors import RuleError
from paramgroups.optim.statistics import ByGroup, Statistics
from paramgroups.rules import Controller, Observation, Rule, State

Action = Literal["scale", "keep", "rollback", "stop"]


@dataclass(frozen=True)
class Gate:
    """What the gradients of the next update must be for it to be made.

    Whatever the gate, a gradient that is not finite shuts it. A shut gate writes nothing: no weight, no
    moment, no count.

    Attributes:
        bound: What the norm of the gradients of all groups that the guard watches must not exceed.
        clip: Above the bound the gradients are scaled to it; else the update of these groups is left out.
        alone: The bound holds for each group for itself.
        shut: The update is left out whatever the gradients are.
        bounds: With `alone`, the bounds of groups by name that differ from `bound`: norms of groups lie
            orders of magnitude apart.
    """

    bound: float = math.inf
    clip: bool = False
    alone: bool = False
    shut: bool = False
    bounds: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Report:
    """What an update was, as a guard is told it before the next one.

    Attributes:
        step: Its tick.
        groups: The statistics of those of the guard's groups that had gradients; `grad_norm` is that of the
            gradients before they were clipped.
        refused: Those of them that were left out, by any guard.
        bad: The titles of the guards that found this update bad; told to those that answer.
    """

    step: float
    groups: Mapping[str, Statistics]
    refused: frozenset[str] = frozenset()
    bad: tuple[str, ...] = ()

    @property
    def ratios(self) -> Mapping[str, float]:
        """The update ratio of each group; cheaper than to ask one by one."""
        if isinstance(self.groups, ByGroup):
            return self.groups.update_ratios
        return {name: told.update_ratio for name, told in self.groups.items()}

    @property
    def grad_norms(self) -> Sequence[float]:
        """The norm of the gradients of each group, in their order."""
        if isinstance(self.groups, ByGroup):
            return self.groups.grad_norms
        return [told.grad_norm for told in self.groups.values()]


@dataclass(frozen=True)
class Verdict:
    """What a guard makes of an update.

    Attributes:
        action: `"scale"`: the rates of some groups are multiplied. `"keep"`: the weights after that update
            are good, keep them (said only where the guard was `due`). `"rollback"`: go back to what was kept
            last. `"stop"`: end the training.
        groups: Whose rates are scaled.
        factor: What they are multiplied by; with `"rollback"` the rates of all that the guard selects.
        reason: One line with the numbers, for the journal and for people.
        harm: Whether the update has done harm, so that guards which answer count it as bad.
    """

    action: Action
    groups: tuple[str, ...] = ()
    factor: float = 1.0
    reason: str = ""
    harm: bool = True


class Guard(Controller):
    """A controller that is fed by the updates themselves.

    `gate` is asked before each update and `judge` after it, both once an update: keep them cheap. All that
    it remembers is its state: plain data that JSON can hold (None for what is not finite), never changed in
    place, under the same keys from `begin` on.

    One of your own is a subclass: what it selects, a title, where it begins, and `gate` or `judge`.

    Attributes:
        answers: It is asked after the others, and told which of them found the update bad.

    Example:
        >>> from paramgroups.select import parse
        >>> class Vanished(Guard):
        ...     title = "vanished"
        ...     selectors = (parse("head"),)
        ...
        ...     def begin(self):
        ...         return {"zeros": 0}
        ...
        ...     def judge(self, state, report):
        ...         zeros = state["zeros"] + 1 if all(g.grad_norm == 0 for g in report.groups.values()) else 0
        ...         stops = [Verdict("stop", reason=f"no gradient in {zeros} updates")] if zeros == 3 else []
        ...         return {"zeros": zeros}, stops
        >>> guard, told = Vanished(), {"head": Statistics(0.0, 1.0, 0.0, 0)}
        >>> guard.judge({"zeros": 2}, Report(9, told))[1][0].reason
        'no gradient in 3 updates'
    """

    answers: ClassVar[bool] = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics it reads, told by `scheduler.observe(loss=…)` before the update; most read none."""
        return ()

    def observe(self, state: State, seen: Observation) -> tuple[State, Sequence[Rule]]:  # noqa: ARG002  # for those that read a metric
        """What it remembers of a metric."""
        return state, ()

    def gate(self, state: State) -> Gate | None:  # noqa: ARG002  # for those that hold back
        """What the next update must be, from the state alone; None: whatever it is."""
        return None

    def due(self, state: State) -> bool:  # noqa: ARG002  # for those that keep snapshots
        """Whether it may say of the next update that the weights after it are to be kept.

        Where it is so before the first update, those before that are kept.
        """
        return False

    def dropped_of(self, state: State, groups: Container[str]) -> State:  # noqa: ARG002  # for those that scale
        """Its state after the rates of some groups were set anew, which drops its factors there."""
        return state

    def judge(self, state: State, report: Report) -> tuple[State, Sequence[Verdict]]:  # noqa: ARG002  # for those that judge
        """What it makes of an update: its next state, and what is to be done."""
        return state, ()

    def to_data(self) -> dict[str, Any]:
        """One of your own is no data.

        Raises:
            RuleError: Always.
        """
        raise RuleError(
            f"The guard {self.title} is a class of your own, and that is no data. Keep this recipe in Python."
        )
