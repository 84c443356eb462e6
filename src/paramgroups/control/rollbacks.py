# ruff: noqa: N801 - a controller is written as a word in a recipe, and its repr pastes back
"""Goes back to the last good weights after bad updates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from paramgroups.control.answering import is_bad
from paramgroups.control.checks import GUARD_CHECKS, positive
from paramgroups.control.guarding import Guard, Report, Verdict
from paramgroups.control.writing import Written
from paramgroups.rules import State
from paramgroups.select import Selector


@dataclass(frozen=True, repr=False)
class rollback(Written, Guard):
    """Go back to the last good snapshot in memory after some bad updates in a row.

    An update is bad where another guard found it bad, where one of these groups was left out, or where a
    norm of theirs is not finite. A snapshot is kept before the first update, after the first good one, and
    then after every so many good ones, where the last `after` of them came in a row: bad ones now and then
    do not keep it from growing old. The update that is computed when it goes back is left out:
    its gradients are those of the weights that are given up.

    Args:
        selector: Whose updates are looked at.
        after: Bad updates in a row that make it go back.
        every: Good updates after which a snapshot is kept anew.
        factor: What the rates are multiplied by when it goes back; 1.0: they stay.
        most: So many times it goes back to one snapshot; then it stops the training.

    Raises:
        SelectorError: The selector is not in the language.
        RuleError: An option is out of its range.

    Example:
        >>> guard = rollback(after=2)
        >>> state, verdicts = guard.judge(guard.begin(), Report(0, {}))
        >>> verdicts
        [Verdict(action='keep', groups=(), factor=1.0, reason='the first good update, at tick 0', harm=True)]
        >>> for step in (1, 2):
        ...     state, verdicts = guard.judge(state, Report(step, {}, bad=("ratio",)))
        >>> verdicts[0].reason
        '2 bad updates in a row, the last at tick 2: back to tick 0 (rollback 1 of 3)'
    """

    selector: Selector | str = "**"
    _: KW_ONLY
    after: int = 3
    every: int = 100
    factor: float = 1.0
    most: int = 3

    answers: ClassVar[bool] = True
    checks: ClassVar[Mapping[str, Callable[[str, Any], Any]]] = GUARD_CHECKS | {"factor": positive}

    def begin(self) -> dict[str, Any]:
        """Good updates since the snapshot, good and bad ones in a row, its tick, times it went back to it."""
        return {"good": 0, "row": 0, "bad": 0, "kept": None, "backs": 0}

    def due(self, state: State) -> bool:
        """Whether the next update, if it is good, is one to keep."""
        calm = state["row"] + 1 >= min(self.after, self.every)
        return state["kept"] is None or (state["good"] + 1 >= self.every and calm)

    def judge(self, state: State, report: Report) -> tuple[State, Sequence[Verdict]]:
        """Keep, go back, or stop."""
        if is_bad(report):
            now = {**state, "row": 0, "bad": state["bad"] + 1}
            return self._back(now, report.step) if now["bad"] >= self.after else (now, [])
        good, row = state["good"] + 1, state["row"] + 1
        if not self.due(state):
            return {**state, "good": good, "row": row, "bad": 0}, []
        what = "the first good update" if state["kept"] is None else f"{good} good updates"
        kept = {"good": 0, "row": row, "bad": 0, "kept": report.step, "backs": 0}
        return kept, [Verdict("keep", reason=f"{what}, at tick {report.step:,.15g}")]

    def _back(self, now: dict[str, Any], step: float) -> tuple[State, Sequence[Verdict]]:
        happened = f"{_updates(now['bad'])}, the last at tick {step:,.15g}"
        if now["backs"] >= self.most:
            times = f"after {now['backs']} rollbacks without a new snapshot between"
            return {**now, "bad": 0, "backs": 0}, [Verdict("stop", reason=f"{happened}, {times}")]
        backs = now["backs"] + 1
        where = "the start" if now["kept"] is None else f"tick {now['kept']:,.15g}"
        reason = f"{happened}: back to {where} (rollback {backs} of {self.most})"
        return {**now, "good": 0, "bad": 0, "backs": backs}, [
            Verdict("rollback", factor=self.factor, reason=reason)
        ]


def _updates(count: int) -> str:
    return "1 bad update" if count == 1 else f"{count} bad updates in a row"
