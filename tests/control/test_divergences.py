"""A group that runs away from what it was."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.control import divergence
from paramgroups.errors import RuleError
from tests.control.support import Run, report, stats


def factors(guard: divergence, ratios: Sequence[float]) -> list[float | None]:
    run, found = Run(guard), []
    for value in ratios:
        verdicts = run.judge(report(run.step, head=stats(weight=1.0, update=value)))
        found.append(verdicts[0].factor if verdicts else None)
    return found


def guard_of(**options: Any) -> divergence:
    return divergence(**{"least": 4, "patience": 1, "cooldown": 0, **options})


CALM = [0.002] * 4
QUIET: list[float | None] = [None] * 4


def test_what_grows_and_stays_is_cut() -> None:
    assert factors(guard_of(), [*CALM, 0.021, 0.021, 0.021, 0.021]) == [*QUIET, None, 0.5, None, 0.5]


def test_what_grows_and_comes_back_is_not() -> None:
    assert factors(guard_of(), [*CALM, *[0.5, 0.002] * 3]) == [None] * 10


def test_what_grows_less_is_not() -> None:
    assert factors(guard_of(), [*CALM, *[0.0199] * 6]) == [None] * 10


def test_next_to_nothing_may_grow() -> None:
    assert factors(guard_of(), [*[1e-6] * 4, *[1e-3] * 6]) == [None] * 10
    assert factors(guard_of(above=1e-4), [*[1e-6] * 4, *[1e-3] * 2]) == [None] * 5 + [0.5]


def test_before_there_are_enough_nothing_is_judged() -> None:
    assert factors(guard_of(least=40, patience=0), [*CALM, *[1.0] * 6]) == [None] * 10


def test_in_cooldown_none_is_judged() -> None:
    assert factors(guard_of(cooldown=2, patience=0), [*CALM, *[1.0] * 5]) == [
        *QUIET,
        0.5,
        None,
        None,
        0.5,
        None,
    ]


def test_the_product_of_its_cuts_keeps_its_floor() -> None:
    assert factors(guard_of(patience=0, floor=0.2), [*CALM, *[1.0] * 4]) == [*QUIET, 0.5, 0.5, 0.8, None]


def test_the_others_stay() -> None:
    run = Run(guard_of(patience=0))
    for _ in range(4):
        run.judge(report(run.step, head=stats(update=0.02), stem=stats(update=0.02)))
    (one,) = run.judge(report(run.step, head=stats(update=5.0), stem=stats(update=0.02)))
    assert one.groups == ("head",)
    assert one.reason == (
        "update ratio 0.5 of head, above the 0.02 that its earlier ones allow, for 1 update: rate × 0.5"
    )


def test_a_share_is_of_the_sum_over_the_selected_groups() -> None:
    run = Run(guard_of(of="share", patience=0))
    for _ in range(4):
        assert run.judge(report(run.step, head=stats(2.0, update=0.01), stem=stats(98.0, update=0.01))) == ()
    assert run.state["groups"]["head"]["values"] == pytest.approx([0.02] * 4)
    # The ratio is the same as ever; what the head's gradient makes of it is a quarter of the whole.
    (one,) = run.judge(report(run.step, head=stats(25.0, update=0.01), stem=stats(75.0, update=0.01)))
    assert one.reason.startswith("share of the predicted change of the loss 0.25 of head, above the 0.2 ")


@pytest.mark.parametrize("of", ["ratio", "share"])
def test_what_tells_nothing_is_as_unseen(of: Any) -> None:
    run = Run(divergence(of=of))
    run.judge(report(0, head=stats(update=0.0), stem=stats(weight=0.0, update=0.0)))
    run.judge(report(1, refused=["head"], head=stats(update=0.5)))
    run.judge(report(2, head=stats(math.inf, update=math.nan)))
    assert run.state["groups"] == {}
    assert not any(run.state["late"])


def test_rates_set_anew_drop_its_factors_and_keep_what_was_seen() -> None:
    run = Run(guard_of(patience=0, floor=0.5))
    for value in [*CALM, 1.0]:
        run.judge(report(run.step, head=stats(weight=1.0, update=value)))
    before = run.state["groups"]["head"]
    assert run.guard.dropped_of(run.state, ["stem"]) == run.state
    run.state = run.guard.dropped_of(run.state, ["head"])
    assert run.state["groups"]["head"] == {**before, "product": 1.0}
    assert before["product"] == 0.5


GUARDS = st.builds(
    divergence,
    of=st.sampled_from(["ratio", "share"]),
    window=st.sampled_from([4, 20]),
    least=st.integers(1, 4),
    times=st.sampled_from([2.0, 10.0]),
    above=st.sampled_from([None, 1e-6]),
    patience=st.integers(0, 2),
    cooldown=st.integers(0, 2),
    floor=st.sampled_from([0.0, 0.3]),
)
TOLD = st.builds(
    stats,
    st.sampled_from([0.0, 1.0, 30.0, math.nan]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([0.0, 1e-3, 0.5, 1e200, math.inf]),
)


@given(GUARDS, st.lists(st.tuples(TOLD, TOLD), max_size=30))
def test_a_resume_at_any_point_goes_on_as_an_unbroken_run(guard: divergence, seen: list[Any]) -> None:
    unbroken, resumed = Run(guard), Run(guard)
    for head, stem in seen:
        resumed.state = json.loads(json.dumps(resumed.state, allow_nan=False))
        told = report(unbroken.step, head=head, stem=stem)
        assert resumed.judge(told) == unbroken.judge(told)
        assert resumed.state == unbroken.state
        assert all(one["product"] >= guard.floor for one in unbroken.state["groups"].values())


@given(GUARDS)
def test_its_repr_pastes_back(guard: divergence) -> None:
    assert eval(repr(guard), {"divergence": divergence}) == guard  # noqa: S307  # our own text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: divergence(times=1), r"times=1 is a multiple of what was: give more than 1"),
        (lambda: divergence(of="norm"), r"of='norm' is not known"),  # type: ignore[arg-type]  # the mistake
        (lambda: divergence(factor=2.0), r"factor=2\.0: a cut is between 0 and 1"),
        (lambda: divergence(least=9, window=8), r"least=9 earlier values never stand in window=8"),
        (lambda: divergence(above=0), r"above=0: give a number above 0"),
    ],
    ids=["times", "of", "factor", "least", "above"],
)
def test_what_has_no_meaning_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make()


@given(st.lists(st.floats(0.5, 2.0), min_size=1, max_size=80))
def test_what_came_late_is_in_the_windows_in_its_order(values: list[float]) -> None:
    run = Run(guard_of(patience=0))
    for value in values:
        run.judge(report(run.step, head=stats(weight=1.0, update=value)))
    guard, one = run.guard, run.state["groups"]["head"]
    assert isinstance(guard, divergence)
    late = [told["head"] for told in run.state["late"]]
    assert [*one["values"], *late][-guard.window :] == values[-guard.window :]
    assert ("head" in run.state["bounds"]) == (len(one["values"]) >= guard.least)
    assert len(values) < guard.least or len(late) <= guard.window // 16 + 1


def test_groups_that_are_well_are_not_looked_at_one_by_one() -> None:
    run = Run(guard_of(patience=3))
    for moved in [1.0] * 40 + [100.0, 1.0]:
        run.judge(report(run.step, head=stats(weight=1.0, update=moved), stem=stats(weight=1.0, update=1.0)))
        assert run.state["restless"] == (["head"] if moved == 100.0 else [])
    assert {name: one["off"] for name, one in run.state["groups"].items()} == {"head": 0, "stem": 0}
