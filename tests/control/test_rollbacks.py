import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.control import rollback
from paramgroups.errors import RuleError
from tests.control.support import Run, report, stats

SHORT = {"keep": "K", "rollback": "R", "stop": "S"}


def drive(guard: rollback, updates: Iterable[str]) -> str:
    """What is done after each update, "g" good and "b" bad; "K" keep, "R" rollback, "S" stop, "." nothing."""
    run, done = Run(guard), ""
    for update in updates:
        due = guard.due(run.state)
        verdicts = run.judge(report(run.step, bad=["spike"] if update == "b" else [], head=stats()))
        done += SHORT[verdicts[0].action] if verdicts else "."
        assert due or not done.endswith("K")
    return done


@pytest.mark.parametrize(
    ("updates", "done"),
    [
        ("ggggggggg", "K...K...K"),
        ("gbbgbbg", "K......"),
        ("gbbb", "K..R"),
        ("bbbbbbgbbb", "..R..RK..R"),
        ("gbbbbbbbbbbbb", "K..R..R..S..R"),
        ("gbbbggggbbbbbbbbb", "K..R...K..R..R..S"),
        ("gbbbgggbbbbbb", "K..R.....R..S"),
        ("gggbgggg", "K.....K."),
    ],
)
def test_when_it_keeps_goes_back_and_stops(updates: str, done: str) -> None:
    assert drive(rollback(after=3, every=4, most=2), updates) == done


def test_its_factor_goes_with_the_rollback() -> None:
    run = Run(rollback(after=1, factor=0.5))
    run.judge(report(0, head=stats()))
    (one,) = run.judge(report(1, refused=["head"], head=stats()))
    assert (one.action, one.factor) == ("rollback", 0.5)
    assert one.reason == "1 bad update, the last at tick 1: back to tick 0 (rollback 1 of 3)"


def test_it_says_why_it_stops() -> None:
    run = Run(rollback(after=2, most=0, every=9))
    for step, bad in enumerate([[], ["spike"], ["spike"]]):
        verdicts = run.judge(report(step, bad=bad, head=stats()))
    assert verdicts[0].reason == (
        "2 bad updates in a row, the last at tick 2, after 0 rollbacks without a new snapshot between"
    )


def test_it_answers_to_the_others() -> None:
    assert rollback.answers
    assert rollback().gate(rollback().begin()) is None


@given(st.builds(rollback, after=st.integers(1, 3), every=st.integers(1, 4), most=st.integers(0, 2)),
       st.text("gb", max_size=60))  # fmt: skip
def test_a_resume_goes_on_as_if_there_had_been_none(guard: rollback, updates: str) -> None:
    unbroken, resumed, done = Run(guard), Run(guard), ""
    for update in updates:
        resumed.state = json.loads(json.dumps(resumed.state, allow_nan=False))
        told = report(unbroken.step, bad=["spike"] if update == "b" else [], head=stats())
        verdicts = unbroken.judge(told)
        assert resumed.judge(told) == verdicts
        assert resumed.state == unbroken.state
        done += "".join(SHORT[one.action] for one in verdicts)
    assert "R" * (guard.most + 1) not in done


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rollback(after=0), r"after=0 is not between 1"),
        (lambda: rollback(every=0), r"every=0 is not between 1"),
        (lambda: rollback(factor=0.0), r"factor=0\.0: give a number above 0"),
        (lambda: rollback(most=-1), r"most=-1 is not between 0"),
    ],
    ids=["after", "every", "factor", "most"],
)
def test_what_has_no_meaning_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make()


def test_what_it_says_of_itself() -> None:
    guard = rollback("head", after=5, factor=0.5)
    assert repr(guard) == "rollback('head', after=5, factor=0.5)"
    assert guard.title == 'rollback("head")'
    assert guard.to_data() == {"use": "rollback", "select": "head", "after": 5, "factor": 0.5}


def test_what_is_bad_from_the_first_update_on_goes_back_to_the_start() -> None:
    run = Run(rollback(after=1))
    assert run.guard.due(run.state)
    (one,) = run.judge(report(0, refused=["head"], head=stats()))
    assert one.reason == "1 bad update, the last at tick 0: back to the start (rollback 1 of 3)"
