# ruff: noqa: N801 - a controller is written as a word in a recipe, and its repr pastes back
"""Ends a training that does not get better."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from paramgroups.control.answering import broken, is_bad
from paramgroups.control.checks import GUARD_CHECKS
from paramgroups.control.guarding import Guard, Report, Verdict
from paramgroups.control.writing import Written
from paramgroups.errors import listing
from paramgroups.rules import State
from paramgroups.select import Selector


@dataclass(frozen=True, repr=False)
class stop(Written, Guard):
    """End the training after so many bad updates in a row, and say what was bad.

    An update is bad where another guard found it bad, where one of these groups was left out, or where a
    norm of theirs is not finite.

    Args:
        selector: Whose updates are looked at.
        after: Bad updates in a row that end it.

    Raises:
        SelectorError: The selector is not in the language.
        RuleError: An option is out of its range.

    Example:
        >>> guard, state = stop(after=2), stop().begin()
        >>> for step in (7, 8):
        ...     state, verdicts = guard.judge(state, Report(step, {}, frozenset({"head"}), ('spike("**")',)))
        >>> verdicts[0].reason
        '2 bad updates in a row, ticks 7 to 8: found by spike("**") (2 times); left out: head (2 times)'
    """

    selector: Selector | str = "**"
    _: KW_ONLY
    after: int = 10

    answers: ClassVar[bool] = True
    checks: ClassVar[Mapping[str, Callable[[str, Any], Any]]] = GUARD_CHECKS

    def begin(self) -> dict[str, Any]:
        """Bad updates in a row, the first one's tick, and how often what was bad."""
        return {"bad": 0, "since": None, "found": {}, "refused": {}, "broken": {}}

    def judge(self, state: State, report: Report) -> tuple[State, Sequence[Verdict]]:
        """Count what is bad, and end what has been so for too long."""
        if not is_bad(report):
            return (self.begin() if state["bad"] else state), []
        now = {
            "bad": state["bad"] + 1,
            "since": state["since"] if state["bad"] else report.step,
            "found": _counted(state["found"], report.bad),
            "refused": _counted(state["refused"], sorted(report.refused)),
            "broken": _counted(state["broken"], broken(report)),
        }
        if now["bad"] < self.after:
            return now, []
        return self.begin(), [Verdict("stop", reason=_reason(now, report))]


def _counted(counts: Mapping[str, int], names: Any) -> dict[str, int]:
    return dict(Counter(counts) + Counter(names))


def _reason(now: Mapping[str, Any], report: Report) -> str:
    span = (
        f"ticks {now['since']:,.15g} to {report.step:,.15g}"
        if now["bad"] > 1
        else f"tick {report.step:,.15g}"
    )
    count = f"{now['bad']} bad updates in a row" if now["bad"] > 1 else "1 bad update"
    named = {"found by": "found", "left out:": "refused", "not finite:": "broken"}
    parts = [f"{what} {_times(now[key])}" for what, key in named.items() if now[key]]
    return f"{count}, {span}: {'; '.join([*parts, *_numbers(now, report)])}"


def _times(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda pair: -pair[1])
    return listing(f"{name} ({count} times)" if count > 1 else name for name, count in most)


def _numbers(now: Mapping[str, Any], report: Report) -> list[str]:
    """The numbers of the last update, of what was bad, or of all."""
    named = [name for name in report.groups if name in now["refused"] or name in now["broken"]]
    shown = listing(_told(name, report) for name in named or report.groups)
    return [f"at the last one {shown}"] if shown else []


def _told(name: str, report: Report) -> str:
    told = report.groups[name]
    return f"{name} has gradients of norm {told.grad_norm:.3g} ({told.nonfinite:,} not finite)"
