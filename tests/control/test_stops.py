import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.control import Report, stop
from paramgroups.errors import RuleError
from tests.control.support import Run, report, stats


def test_it_ends_after_so_many_bad_ones_in_a_row() -> None:
    run = Run(stop(after=3))
    bad = [True, True, False, True, True, True, True]
    stops = [bool(run.judge(report(step, bad=["x"] * one, head=stats()))) for step, one in enumerate(bad)]
    assert stops == [False] * 5 + [True, False]


def test_it_says_what_was_bad_when_and_the_numbers() -> None:
    run = Run(stop(after=3))
    run.judge(report(7, bad=['spike("**")'], refused=["head"], head=stats(250.0), stem=stats()))
    run.judge(report(8, refused=["head"], head=stats(math.nan, nonfinite=12), stem=stats()))
    (one,) = run.judge(report(9, bad=['spike("**")'], refused=["head"], head=stats(300.0), stem=stats()))
    assert one.action == "stop"
    assert one.reason == (
        '3 bad updates in a row, ticks 7 to 9: found by spike("**") (2 times); left out: head (3 times); '
        "not finite: head; at the last one head has gradients of norm 300 (0 not finite)"
    )


def test_one_bad_update_may_be_enough() -> None:
    (one,) = Run(stop(after=1)).judge(report(1000, bad=["ratio"], a=stats(2.0)))
    assert one.reason == (
        "1 bad update, tick 1,000: found by ratio; at the last one a has gradients of norm 2 (0 not finite)"
    )


def test_of_many_groups_some_are_named() -> None:
    groups = {f"g{number}": stats() for number in range(100)}
    (one,) = Run(stop(after=1)).judge(Report(0, groups, frozenset(groups)))
    assert "left out: g0, g1, g10, g11, g12 and 95 more" in one.reason
    assert len(one.reason) < 500


def test_a_good_update_forgets() -> None:
    run = Run(stop())
    run.judge(report(0, bad=["x"], head=stats()))
    run.judge(report(1, head=stats()))
    assert run.state == stop().begin()


@given(st.integers(1, 4), st.lists(st.sampled_from(["fine", "found", "refused", "nan"]), max_size=30))
def test_a_resume_at_any_point_goes_on_as_an_unbroken_run(after: int, kinds: list[str]) -> None:
    unbroken, resumed = Run(stop(after=after)), Run(stop(after=after))
    for step, kind in enumerate(kinds):
        resumed.state = json.loads(json.dumps(resumed.state, allow_nan=False))
        told = report(
            step,
            bad=["x"] if kind == "found" else [],
            refused=["head"] if kind == "refused" else [],
            head=stats(math.nan if kind == "nan" else 1.0),
        )
        assert resumed.judge(told) == unbroken.judge(told)
        assert resumed.state == unbroken.state


def test_what_it_says_of_itself() -> None:
    assert repr(stop("head", after=3)) == "stop('head', after=3)"
    assert stop("head", after=3).to_data() == {"use": "stop", "select": "head", "after": 3}
    assert stop.answers


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(RuleError, match="after=0 is not between 1"):
        stop(after=0)
