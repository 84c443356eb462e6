"""Updates too large, or too small, for what they move."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.control import ratio
from paramgroups.errors import RuleError
from tests.control.support import Run, report, stats


def factors(guard: ratio, ratios: Sequence[float]) -> list[float | None]:
    """What the rate is multiplied by after each update of these ratios."""
    run, found = Run(guard), []
    for value in ratios:
        verdicts = run.judge(report(run.step, head=stats(weight=10.0, update=10.0 * value)))
        found.append(verdicts[0].factor if verdicts else None)
    return found


def test_it_scales_after_more_than_patience_and_counts_anew() -> None:
    assert factors(ratio(high=0.01, factor=0.5, patience=1), [0.02] * 5) == [None, 0.5, None, 0.5, None]
    assert factors(ratio(high=0.01, factor=0.5, patience=1), [0.02, 0.01] * 3) == [None] * 6


def test_without_a_factor_it_brings_the_ratio_to_the_bound() -> None:
    assert factors(ratio(high=0.01, patience=0), [0.04]) == pytest.approx([0.25])
    assert factors(ratio(high=0.01, low=1e-4, patience=0), [5e-5]) == pytest.approx([2.0])


def test_below_low_the_rate_is_raised() -> None:
    assert factors(ratio(high=0.01, low=1e-4, factor=0.5, patience=1), [5e-5] * 2) == [None, 2.0]


def test_above_and_below_are_counted_apart() -> None:
    assert factors(ratio(high=0.01, low=1e-4, patience=1), [0.02, 5e-5] * 4) == [None] * 8
    assert factors(ratio(high=0.01, low=1e-4, factor=0.5), [5e-5, 0.02, 0.02]) == [None, None, 0.5]
    assert factors(ratio(high=0.01, low=1e-4, factor=0.5), [0.02, 5e-5, 5e-5]) == [None, None, 2.0]


def test_the_product_of_its_factors_is_bounded() -> None:
    cut = ratio(high=0.01, factor=0.5, patience=0, floor=0.2)
    assert factors(cut, [1.0] * 4) == [0.5, 0.5, 0.8, None]
    raised = ratio(high=1.0, low=0.1, factor=0.5, patience=0, ceiling=3.0)
    assert factors(raised, [0.01] * 3) == [2.0, 1.5, None]


def test_in_cooldown_none_is_judged() -> None:
    assert factors(ratio(high=0.01, factor=0.5, patience=0, cooldown=2), [1.0] * 5) == [
        0.5, None, None, 0.5, None,
    ]  # fmt: skip


@pytest.mark.parametrize("told", [stats(update=0.0), stats(weight=0.0), stats(update=math.nan)], ids=str)
def test_what_tells_nothing_is_as_unseen(told: Any) -> None:
    run = Run(ratio(high=0.01, low=0.001, patience=1))
    run.judge(report(0, head=stats(update=1.0)))
    assert run.judge(report(1, head=told)) == ()
    assert len(run.judge(report(2, head=stats(update=1.0)))) == 1


def test_what_was_left_out_is_as_unseen() -> None:
    run = Run(ratio(high=0.01, patience=0))
    assert run.judge(report(0, refused=["head"], head=stats(update=1.0))) == ()


def test_each_group_by_itself() -> None:
    run = Run(ratio(high=0.01, patience=0))
    verdicts = run.judge(report(0, head=stats(update=1.0), stem=stats(update=0.01), tail=stats(update=0.2)))
    assert [one.groups for one in verdicts] == [("head",), ("tail",)]
    assert [one.factor for one in verdicts] == pytest.approx([0.1, 0.5])
    assert verdicts[0].reason == "update ratio 0.1 of head, above 0.01 for 1 update: rate × 0.1"
    assert run.state["groups"].keys() == {"head", "tail"}


def test_a_frozen_group_is_remembered() -> None:
    run = Run(ratio(high=0.01, factor=0.5, patience=1))
    run.judge(report(0, head=stats(update=1.0)))
    run.judge(report(1, stem=stats()))
    assert run.judge(report(2, head=stats(update=1.0)))[0].reason == (
        "update ratio 0.1 of head, above 0.01 for 2 updates in a row: rate × 0.5"
    )


def test_rates_set_anew_drop_its_factors() -> None:
    run = Run(ratio(high=0.01, factor=0.5, patience=0, floor=0.5))
    run.judge(report(0, head=stats(update=1.0)))
    assert run.judge(report(1, head=stats(update=1.0))) == ()
    run.state = run.guard.dropped_of(run.state, run.state["groups"])
    assert run.judge(report(2, head=stats(update=1.0)))[0].factor == 0.5


RATIOS = st.lists(st.sampled_from([0.0, 1e-6, 0.005, 0.02, 3.0, math.inf, 1e-300, 1e300]), max_size=30)
GUARDS = st.builds(
    ratio,
    high=st.just(0.01),
    low=st.sampled_from([None, 1e-3]),
    factor=st.sampled_from([None, 0.5]),
    patience=st.integers(0, 2),
    cooldown=st.integers(0, 2),
    floor=st.sampled_from([0.0, 0.3]),
    ceiling=st.sampled_from([None, 2.0]),
)


@given(GUARDS, RATIOS)
def test_a_resume_goes_on_and_products_keep_their_bounds(guard: ratio, ratios: list[float]) -> None:
    unbroken, resumed, product = Run(guard), Run(guard), 1.0
    for value in ratios:
        resumed.state = json.loads(json.dumps(resumed.state, allow_nan=False))
        told = report(unbroken.step, head=stats(weight=1.0, update=value))
        verdicts = unbroken.judge(told)
        assert resumed.judge(told) == verdicts
        assert resumed.state == unbroken.state
        for one in verdicts:
            product *= one.factor
            assert one.factor not in {0, 1}
        assert guard.floor * (1 - 1e-9) <= product <= (guard.ceiling or math.inf) * (1 + 1e-9)


@given(GUARDS)
def test_its_repr_pastes_back(guard: ratio) -> None:
    assert eval(repr(guard), {"ratio": ratio}) == guard  # noqa: S307  # our own text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ratio(high=0.0), r"high=0\.0: give a number above 0"),
        (lambda: ratio(high=0.01, low=0.01), r"low=0\.01 is not below high=0\.01: no ratio is within"),
        (lambda: ratio(high=0.01, factor=1.0), r"factor=1\.0: a cut is between 0 and 1"),
        (lambda: ratio(high=0.01, floor=2), r"floor=2 is a share of the planned rate"),
        (lambda: ratio(high="0.01"), r"high='0\.01' is no number"),  # type: ignore[arg-type]  # the mistake
    ],
    ids=["high", "low", "factor", "floor", "text"],
)
def test_what_has_no_meaning_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make()
