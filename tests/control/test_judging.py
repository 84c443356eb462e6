"""What a guard may answer, also one of a user's own class."""

import math
from typing import Any

import pytest
import torch

from paramgroups.control import Gate, Guard, Observation, Report, Verdict, ask, gate_of, judge, ratio, saved
from paramgroups.errors import RuleError
from paramgroups.select import Selector, parse
from tests.control.support import report, stats

SEEN = report(800, head=stats(), stem=stats())


class Mine(Guard):
    """A user's own, which answers what it is told to."""

    title = "mine"
    selectors: tuple[Selector, ...] = (parse("head"),)

    def __init__(self, answer: Any = ({}, ()), gate: Any = None) -> None:
        self.answer, self.gate_answer = answer, gate

    def begin(self) -> dict[str, Any]:
        return {}

    def gate(self, state: Any) -> Any:
        return self.gate_answer(state) if callable(self.gate_answer) else self.gate_answer

    def judge(self, state: Any, report: Report) -> Any:
        return self.answer(state, report) if callable(self.answer) else self.answer

    def observe(self, state: Any, seen: Observation) -> Any:
        return self.answer(state, seen) if callable(self.answer) else self.answer


HALF = Verdict("scale", ("head",), 0.5, "why")


@pytest.mark.parametrize(
    "verdicts",
    [
        (),
        [HALF, Verdict("scale", ("head", "stem"), 2)],
        [Verdict("keep")],
        [Verdict("rollback", factor=0.5)],
        [Verdict("stop", reason="1 of 1")],
    ],
    ids=["none", "scale", "keep", "rollback", "stop"],
)
def test_verdicts_with_a_meaning_are_allowed(verdicts: Any) -> None:
    assert judge(Mine(({"n": 1}, verdicts)), {}, SEEN) == ({"n": 1}, tuple(verdicts))


def test_one_verdict_is_as_a_list_of_one() -> None:
    assert judge(Mine(({}, HALF)), {}, SEEN)[1] == (HALF,)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, r"It returned None\. Return a pair: its state, and a list of verdicts"),
        ((None, ()), r"Its state is None\. Keep a dict of plain data"),
        (({}, None), r"Its verdicts are None\. Return a list of them, empty where all is well"),
        (({}, "stop"), r"Its verdicts are 'stop'"),
        (({}, ["stop"]), r"'stop' is no verdict\. Write Verdict"),
        (({}, [Verdict("halt")]), r"its action is not known\. Known: keep, rollback, scale, stop"),  # type: ignore[arg-type]  # the mistake
        (({}, [Verdict("scale", ("body",), 0.5)]), r"'body' is no group of the report\. It has head, stem"),
        (({}, [Verdict("rollback", (["head"],))]), r"\['head'\] is no group"),  # type: ignore[arg-type]  # the mistake
        (({}, [Verdict("scale", "head", 0.5)]), r"its groups are no tuple of names"),  # type: ignore[arg-type]  # the mistake
        (({}, [Verdict("scale", (), 0.5)]), r"scales the rate of no group\. Name one: head, stem"),
        (({}, [Verdict("scale", ("head",), math.nan)]), r"its factor is none\. Give a finite number"),
        (({}, [Verdict("scale", ("head",), math.inf)]), r"its factor is none"),
        (({}, [Verdict("scale", ("head",), -1.0)]), r"its factor is none"),
        (({}, [Verdict("scale", ("head",), "0.5")]), r"its factor is none"),  # type: ignore[arg-type]  # the mistake
        (({}, [Verdict("stop", reason=3)]), r"its reason is no text"),  # type: ignore[arg-type]  # the mistake
        (lambda state, _: state["n"], r"raised KeyError: 'n'\. Mend the controller"),
        (lambda state, _: state.update(n=1), r"raised AttributeError"),
    ],
    ids=[
        "none", "no state", "no verdicts", "text", "words", "action", "group", "list", "name", "no group",
        "nan", "infinite", "negative", "text factor", "reason", "raises", "writes",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(answer: Any, message: str) -> None:
    with pytest.raises(RuleError, match=rf"^mine at step 800:? (?s:.*){message}"):
        judge(Mine(answer), {}, SEEN)


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (0.5, r": It returned 0\.5\. Return a Gate, or None"),
        (Gate(bound=math.nan), r": Its gate has a bound of nan\. Give a norm, perhaps infinite"),
        (Gate(bound=-1.0), r": Its gate has a bound of -1\.0"),
        (Gate(bound="1"), r": Its gate has a bound of '1'"),  # type: ignore[arg-type]  # the mistake
        (Gate(alone=True, bounds={"head": math.nan}), r": Its gate has a bound of nan"),
        (Gate(alone=True, bounds=[1.0]), r": Its gate has bounds=\[1\.0\]\. Give a dict"),  # type: ignore[arg-type]  # the mistake
        (Gate(bounds={"head": 1.0}), r": Its gate has bounds= of groups, which are read with alone=True"),
        (lambda state: state["n"], r" raised KeyError: 'n'"),
    ],
    ids=["number", "nan", "negative", "text", "nan of a group", "list", "not alone", "raises"],
)
def test_what_is_no_gate_is_refused(gate: Any, message: str) -> None:
    with pytest.raises(RuleError, match=rf"^mine asked for its gate{message}"):
        gate_of(Mine(gate=gate), {})


def test_a_gate_is_given_as_it_is() -> None:
    gate = Gate(alone=True, bounds={"head": 0.0, "stem": math.inf})
    assert gate_of(Mine(gate=gate), {}) is gate
    assert gate_of(Mine(), {}) is None


STATES: list[tuple[str, Any, str]] = [
    ("nan", {"n": math.nan}, "which JSON cannot hold"),
    ("tensor", {"n": torch.zeros(2)}, "which JSON cannot hold"),
    ("tuple", {"n": (1, 2)}, "a tuple comes back as a list"),
    ("key", {"n": {1: 2}}, "and a key as text"),
]


@pytest.mark.parametrize(("state", "message"), [one[1:] for one in STATES], ids=[one[0] for one in STATES])
def test_what_json_changes_is_found_early_and_when_it_is_saved(state: Any, message: str) -> None:
    guard = Mine((state, ()))
    with pytest.raises(RuleError, match=f"^mine at step 0: Its state is .*{message}"):
        judge(guard, {}, report(0, head=stats()))
    with pytest.raises(RuleError, match=f"^mine at step 9: Its state is .*{message}"):
        ask(guard, {}, Observation(9, {}))
    assert judge(guard, {}, SEEN)[0].keys() == {"n"}
    with pytest.raises(RuleError, match=f"^mine asked for its state: Its state is .*{message}"):
        saved(guard, state)


def test_what_is_saved_is_a_copy() -> None:
    state: dict[str, Any] = {"n": [1, 0.5, None, "x", True, {"a": []}]}
    copy = saved(Mine(), state)
    assert copy == state
    assert copy["n"] is not state["n"]


def remembers(state: Any, _: Any) -> Any:
    return state, []


@pytest.mark.parametrize("step", [0, 800])
def test_a_state_may_be_given_back_and_is_a_dict_again(step: int) -> None:
    state = {"n": [1]}
    after, _ = judge(Mine(remembers), state, report(step, head=stats()))
    assert after == state
    assert type(after) is dict
    assert type(ask(Mine(remembers), state, Observation(step, {}))[0]) is dict


def test_our_own_are_asked_the_same_way() -> None:
    guard = ratio(high=0.001, patience=0)
    state, (one,) = judge(guard, guard.begin(), report(800, head=stats(update=0.1)))
    assert one.factor == pytest.approx(0.1)
    assert saved(guard, state) == state


def test_a_metric_told_to_a_guard_is_checked_as_any_controllers_rules() -> None:
    with pytest.raises(RuleError, match=r"^mine at step 800: Its rules are 'x'"):
        ask(Mine(({}, "x")), {}, Observation(800, {}))
