"""A robust score of norms and metrics: what is refused, what is remembered, and both kinds of mistake."""

import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.control import Gate, Report, gate_of, nonfinite, spike
from paramgroups.errors import RuleError
from tests.control.support import Run, refused_by, report, stats

NAN, INF = math.nan, math.inf


def filled(guard: spike, *norms: float, count: int = 4) -> Run:
    run = Run(guard)
    for _ in range(count):
        assert run.update(*norms) == frozenset()
    return run


def test_a_constant_history_has_its_floor() -> None:
    run = filled(spike(least=4, score=10, floor=0.5), 3.0, 4.0)
    assert run.guard.gate(run.state) == Gate(bound=30.0)
    assert run.update(18.0, 24.0) == frozenset()
    assert run.update(18.1, 24.0) == {"a", "b"}


def test_what_is_just_at_the_bound_is_let_pass_and_remembered() -> None:
    run = filled(spike(least=4, score=10, floor=0.5), 1.0)
    assert run.update(6.0) == frozenset()
    assert run.state["windows"]["norm"]["values"][-1] == 6.0


def test_floors_differ_between_norms_and_metrics() -> None:
    assert filled(spike(least=4), 1.0).state["windows"]["norm"]["bound"] == 5.0
    run = Run(spike(metric="loss", least=4))
    for _ in range(4):
        run.tell(loss=1.0)
    assert run.state["windows"]["loss"]["bound"] == 2.0


def test_nothing_is_judged_before_there_are_enough() -> None:
    run = Run(spike(least=3))
    assert [run.update(x) for x in (1.0, 1e9, 1.0)] == [frozenset()] * 3
    assert run.update(1e9) == {"a"}


def test_only_what_is_above_is_a_spike() -> None:
    assert filled(spike(least=4), 1.0).update(1e-9) == frozenset()


def test_clip_scales_to_the_bound_and_leaves_the_value_out() -> None:
    run = filled(spike(least=4, score=10, floor=0.5, action="clip"), 1.0)
    assert run.guard.gate(run.state) == Gate(bound=6.0, clip=True)
    assert run.update(50.0) == frozenset()
    assert run.state["windows"]["norm"]["refused"] == 1
    assert 50.0 not in run.state["windows"]["norm"]["values"]


def test_each_group_alone_has_its_own_bound() -> None:
    run = filled(spike(least=4, score=10, floor=0.5, alone=True), 1.0, 100.0)
    assert run.guard.gate(run.state) == Gate(alone=True, bounds={"a": 6.0, "b": 600.0})
    assert run.update(7.0, 500.0) == {"a"}
    assert run.update(1.0, 601.0) == {"b"}
    assert run.update(NAN, 100.0) == {"a"}


def test_a_thaw_begins_the_window_of_the_whole_anew_and_leaves_groups_alone() -> None:
    run = filled(spike(least=4), 1.0)
    assert run.update(1.0, 4.0) == frozenset()
    assert run.state["groups"] == ["a", "b"]
    assert run.state["windows"]["norm"]["values"] == [math.hypot(1.0, 4.0)]
    run = filled(spike(least=4, alone=True), 1.0)
    run.update(1.0, 4.0)
    assert run.state["windows"]["a"]["bound"] == 5.0
    assert run.update(9.0, 1e9) == {"a"}


def test_of_updates_after_a_thaw_the_first_alone_is_held_to_the_old_bound() -> None:
    run = filled(spike(least=4), 1.0)
    assert [bool(run.update(1.0, 9.0)) for _ in range(6)] == [True] + [False] * 5


def test_an_update_without_gradients_is_as_unseen() -> None:
    run = filled(spike(least=4), 1.0)
    before = run.state
    run.update()
    assert run.state == before


def test_after_patience_the_level_is_new() -> None:
    run = filled(spike(least=4, patience=3), 1.0)
    assert [bool(run.update(100.0)) for _ in range(8)] == [True] * 3 + [False] * 5
    assert run.update(1000.0) == {"a"}


def test_a_good_one_begins_the_count_of_refusals_anew() -> None:
    run = filled(spike(least=4, patience=3), 1.0)
    norms = [100.0, 100.0, 1.0] * 4
    assert [bool(run.update(norm)) for norm in norms] == [True, True, False] * 4


def test_what_is_not_finite_is_neither_remembered_nor_counted() -> None:
    run = filled(spike(least=4, patience=2), 1.0)
    before = run.state
    for bad in (NAN, INF, NAN, NAN):
        assert run.update(bad) == {"a"}
    assert run.state == before


def test_what_another_guard_refused_is_not_remembered() -> None:
    run = filled(spike(least=4), 1.0)
    before = run.state
    run.update(1.5, others=["a"])
    assert run.state == before


def test_zeros_judge_nothing() -> None:
    run = filled(spike(least=4), 0.0)
    assert run.update(1.0) == frozenset()


class TestMetric:
    """A loss instead of a norm."""

    def run(self, **options: Any) -> Run:
        run = Run(spike(metric="loss", least=4, **options))
        for _ in range(4):
            run.tell(loss=1.0)
            assert run.update(1.0) == frozenset()
        return run

    def test_a_spike_holds_one_update_back(self) -> None:
        run = self.run()
        run.tell(loss=2.1)
        assert run.update(1.0) == {"a"}
        run.tell(loss=1.9)
        assert run.update(1.0) == frozenset()

    @pytest.mark.parametrize("value", [NAN, INF, -INF], ids=str)
    def test_what_is_not_finite_is_refused_and_not_remembered(self, value: float) -> None:
        run = self.run(patience=1)
        windows = run.state["windows"]
        run.tell(loss=value)
        assert run.update(1.0) == {"a"}
        assert run.state["windows"] == windows

    def test_gradients_are_not_its_concern(self) -> None:
        run = self.run()
        assert run.guard.gate(run.state) is None
        assert run.update(1e9) == frozenset()

    def test_of_several_before_one_update_one_is_enough(self) -> None:
        run = self.run()
        run.tell(loss=9.0)
        run.tell(loss=1.0)
        assert run.update(1.0) == {"a"}


class TestPitfall26:
    """What a guard does wrong that keeps all of its history, and takes a mean and a deviation of it."""

    @staticmethod
    def by_hand(history: list[float], value: float) -> bool:
        """Whether a plain guard refuses: mean and standard deviation of the last, all values remembered."""
        last = history[-32:]
        mean = sum(last) / len(last)
        spread = math.sqrt(sum((x - mean) ** 2 for x in last) / len(last))
        history.append(value)
        return not value <= mean + 6 * spread

    def test_one_nan_blocks_the_plain_one_for_its_whole_window_and_ours_for_one_step(self) -> None:
        norms = [1.0 + 0.01 * (step % 7) for step in range(64)]
        norms = [*norms, NAN, *norms]
        history, run = norms[:40], Run(spike())
        plain = [self.by_hand(history, norm) for norm in norms[40:]]
        ours = [bool(run.update(norm)) for norm in norms][40:]
        assert plain.count(True) == 33
        assert ours.count(True) == 1

    def test_a_second_equal_spike_passes_the_plain_one_and_never_ours(self) -> None:
        norms = [*[1.0 + 0.01 * (step % 7) for step in range(64)], 20.0, 20.0, 20.0]
        history, run = norms[:40], Run(spike())
        assert [self.by_hand(history, norm) for norm in norms[40:]][-3:] == [True, False, False]
        assert [bool(run.update(norm)) for norm in norms][-3:] == [True, True, True]

    def test_its_history_survives_a_resume(self) -> None:
        run = filled(spike(least=4), 1.0)
        run.state = json.loads(json.dumps(run.state))
        assert run.update(20.0) == {"a"}


def schedule_of(seed: int, steps: int = 300) -> tuple[list[tuple[float, float]], set[int]]:
    """Norms and losses of a run, and which of its updates are bad.

    A NaN in gradients at 3 random steps, three equal spikes in a row of more than ten times, a NaN loss.
    """
    draw = random.Random(seed)  # noqa: S311  # no secret
    seen = [(math.exp(draw.gauss(0, 0.25)), 2 + draw.gauss(0, 0.1)) for _ in range(steps)]
    bad = sorted(draw.sample(range(40, steps - 3, 4), 5))
    for step in bad[:3]:
        seen[step] = (NAN, seen[step][1])
    # The largest of the good norms is about twice their median: from 12 up, a spike is ten times the median.
    height = draw.uniform(12, 1000)
    for step in range(bad[3], bad[3] + 3):
        seen[step] = (height, seen[step][1])
    seen[bad[4]] = (seen[bad[4]][0], NAN)
    return seen, {*bad, bad[3] + 1, bad[3] + 2}


def test_both_kinds_of_mistake_over_100_schedules_of_faults() -> None:
    good_refused, bad_passed, bad_steps, good_steps = 0, 0, 0, 0
    for seed in range(100):
        seen, bad = schedule_of(seed)
        runs = [Run(nonfinite(metric="loss")), Run(spike())]
        for step, (norm, loss) in enumerate(seen):
            runs[0].tell(loss=loss)
            gates = [gate_of(run.guard, run.state) for run in runs]
            out = frozenset[str]().union(*(refused_by(gate, {"a": norm}) for gate in gates))
            for run in runs:
                run.judge(Report(step, {"a": stats(norm)}, out))
            good_refused += bool(out) and step not in bad
            bad_passed += not out and step in bad
        bad_steps, good_steps = bad_steps + len(bad), good_steps + len(seen) - len(bad)
    assert (bad_steps, good_steps) == (700, 29_300)
    assert (good_refused, bad_passed) == (0, 0)


NORMS = st.lists(st.sampled_from([1.0, 1.1, 0.9, 5.0, 50.0, 0.0, NAN, INF]) | st.floats(0, 3), max_size=60)
GUARDS = st.builds(
    spike,
    score=st.sampled_from([3.0, 20.0]),
    window=st.sampled_from([8, 20]),
    least=st.integers(1, 8),
    floor=st.sampled_from([None, 0.01, 1.0]),
    action=st.sampled_from(["skip", "clip"]),
    patience=st.integers(1, 4),
    alone=st.booleans(),
)


@given(GUARDS, NORMS, st.sets(st.integers(0, 60)))
def test_a_resume_at_any_point_goes_on_as_an_unbroken_run(
    guard: spike, norms: list[float], thaws: set[int]
) -> None:
    unbroken, resumed, both = Run(guard), Run(guard), False
    for step, norm in enumerate(norms):
        both ^= step in thaws
        resumed.state = json.loads(json.dumps(resumed.state, allow_nan=False))
        assert guard.gate(resumed.state) == guard.gate(unbroken.state)
        told = (norm, 2 * norm) if both else (norm,)
        assert resumed.update(*told) == unbroken.update(*told)
        assert resumed.state == unbroken.state


@given(NORMS)
def test_a_metric_is_resumed_too(losses: list[float]) -> None:
    unbroken, resumed = (
        Run(spike(metric="loss", least=2, patience=2)),
        Run(spike(metric="loss", least=2, patience=2)),
    )
    for loss in losses:
        resumed.state = json.loads(json.dumps(resumed.state, allow_nan=False))
        for run in (unbroken, resumed):
            run.tell(loss=loss)
        assert resumed.update(1.0) == unbroken.update(1.0)
        assert resumed.state == unbroken.state


@given(GUARDS)
def test_its_repr_pastes_back(guard: spike) -> None:
    assert eval(repr(guard), {"spike": spike}) == guard  # noqa: S307  # our own text


def test_what_it_says_of_itself() -> None:
    assert repr(spike("head", "loss", score=5)) == "spike('head', 'loss', score=5.0)"
    assert spike("head", "loss").title == 'spike("head", "loss")'
    assert spike("head", score=5).to_data() == {"use": "spike", "select": "head", "score": 5.0}
    assert spike("head", "loss").to_data() == {"use": "spike", "select": "head", "metric": "loss"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: spike(score=0), r"score=0: give a number above 0"),
        (lambda: spike(score=-1), r"score=-1: give a number above 0"),
        (lambda: spike(floor=0.0), r"floor=0\.0: give a number above 0"),
        (lambda: spike(window=0), r"window=0 is not between 1"),
        (lambda: spike(patience=0), r"patience=0 is not between 1"),
        (lambda: spike(window=8, least=9), r"least=9 accepted values never stand in window=8"),
        (
            lambda: spike(action="clp"),  # type: ignore[arg-type]  # the mistake
            r"action='clp' is not known\. Nearest: \"clip\"",
        ),
        (
            lambda: spike(metric="loss", action="clip"),
            r'spike\(metric="loss"\) and action="clip": only norms',
        ),
        (lambda: spike(metric="loss", alone=True), r'spike\(metric="loss"\) and alone=True: only norms'),
        (lambda: spike(metric=""), r"metric='': give a name"),
    ],
    ids=["score", "negative", "floor", "window", "patience", "least", "action", "clip", "alone", "metric"],
)
def test_what_has_no_meaning_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make()


def test_a_report_of_other_groups_in_another_order_is_of_the_same() -> None:
    run = filled(spike(least=4), 1.0, 2.0)
    run.judge(report(4, b=stats(2.0), a=stats(1.0)))
    assert len(run.state["windows"]["norm"]["values"]) == 5
