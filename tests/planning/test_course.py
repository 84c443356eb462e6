"""The course of one hyperparameter: what is written exactly, other lengths, and extremes."""

import math
from dataclasses import replace
from typing import Any

import pytest

from paramgroups.planning.cascade import Cascade, Link
from paramgroups.planning.course import Course, rewarmed, timings
from paramgroups.planning.timing import Ramp, Timing
from paramgroups.schedules import Horizon, Schedule, constant, function, linear

TEN = Horizon(10)


def course(schedule: Schedule | None = None, base: Any = 1.0, horizon: Horizon = TEN) -> Course:
    said = Cascade((Link(schedule, scales=False, origin="recipe"),))
    clock = Cascade((Link("run", scales=False, origin="recipe"),))
    began = timings(said, clock, (0,), lambda schedule, tick: Timing(schedule, tick, horizon))
    return Course(Cascade((Link(base, scales=False, origin="recipe"),)), said, began, horizon)


def ramped(schedule: Schedule | None, began: int, ramp: Ramp) -> Timing:
    return Timing(schedule, began, TEN, ramp)


def factor(value: float, start: float, until: float = math.inf) -> Link:
    return Link(value, scales=True, origin="x", start=start, until=until)


def over(found: Course, steps: int, tick: float) -> Course:
    horizon = Horizon(steps)
    return found.over(horizon, tick, lambda timing: replace(timing, horizon=horizon))


class TestWritten:
    def test_it_stands_exactly_at_its_tick_and_is_a_factor_after(self) -> None:
        found = course(linear()).then(factor(0.3 / 0.8, 2), 0.3)
        assert found.at(2) == 0.3
        assert found.at(1) == 0.9
        assert found.at(5) == 0.3 / 0.8 * 0.5
        assert found.parts(2) == (0.3, None)
        assert found.span(2) == (2, math.nextafter(2, math.inf))
        assert found.span(3)[0] == math.nextafter(2, math.inf)
        assert found.span(1) == (0.0, 2)

    def test_a_later_voice_at_its_tick_is_on_top(self) -> None:
        found = course().then(factor(0.5, 2), 0.5).then(factor(0.1, 2))
        assert (found.exact, found.at(2)) == ((), 0.05)

    def test_a_later_voice_after_its_tick_leaves_it(self) -> None:
        found = course().then(factor(0.5, 2), 0.5000001).then(factor(0.1, 3))
        assert (found.at(2), found.at(3)) == (0.5000001, 0.05)

    def test_a_voice_from_before_it_is_on_top(self) -> None:
        found = course().then(factor(0.5, 6), 0.5).then(factor(0.1, 4))
        assert (found.exact, found.at(6)) == ((), 0.05)
        kept = course().then(factor(0.5, 6), 0.5).then(factor(0.1, 4, until=6))
        assert (kept.exact, kept.at(6)) == (((6, 0.5),), 0.5)


class TestOver:
    def test_from_a_tick_on_the_schedule_goes_by_the_new_length(self) -> None:
        found = over(course(linear()), 20, 4)
        assert [found.at(tick) for tick in (3, 4, 10, 20)] == [0.7, 0.8, 0.5, 0.0]
        assert found.horizon == Horizon(20)

    def test_twice_at_one_tick_is_the_last(self) -> None:
        found = over(over(course(linear()), 40, 4), 20, 4)
        assert [found.at(tick) for tick in (3, 4)] == [0.7, 0.8]

    def test_what_was_written_stays_up_to_then(self) -> None:
        found = course().then(factor(0.5, 4), 0.5).then(factor(0.5, 8), 0.25)
        assert over(found, 20, 8).exact == ((4, 0.5), (8, 0.25))
        assert over(found, 20, 6).exact == ((4, 0.5),)

    def test_without_a_schedule_nothing_moves(self) -> None:
        assert over(course(), 20, 4).timings == ((0.0, None),)


class TestExtremes:
    @pytest.mark.parametrize(
        ("since", "values"),
        [(0, {1.0, 0.0}), (4, {0.6, 0.0}), (9, {0.1, 0.0}), (12, {0.0}), (2.5, {0.8, 0.0})],
        ids=str,
    )
    def test_from_a_tick_on(self, since: float, values: set[float]) -> None:
        found = {round(value, 9) for _, value in course(linear()).extremes(since)}
        assert found == values

    def test_within_each_piece(self) -> None:
        found = course(linear()).then(factor(3.0, 4, until=6))
        assert max(value for _, value in found.extremes()) == pytest.approx(1.8)
        assert max(value for _, value in found.extremes(6)) == pytest.approx(0.4)

    def test_between_two_fractions_of_a_tick(self) -> None:
        def shape(u: float) -> float:
            return 1 - u

        found = course(function("mine", shape)).then(factor(2.0, 2.3, until=2.7))
        assert max(value for _, value in found.extremes(2.3)) == pytest.approx(2 * 0.8)

    def test_without_an_end(self) -> None:
        found = course(constant(0.5), horizon=Horizon(None)).then(factor(4.0, 5))
        assert {value for _, value in found.extremes()} == {0.5, 2.0}


class TestRewarmed:
    def test_a_ramp_begins_at_the_thaw_and_ends_after_its_ticks(self) -> None:
        pieces = rewarmed(course(linear()).timings, [Ramp(4, 3)], ramped)
        assert [(start, timing and timing.ramp) for start, timing in pieces] == [
            (0.0, None),
            (4, Ramp(4, 3)),
            (7, None),
        ]
        assert {timing.schedule for _, timing in pieces} == {linear()}

    def test_another_length_keeps_it(self) -> None:
        found = replace(
            course(linear()),
            timings=rewarmed(course(linear()).timings, [Ramp(4, 3)], ramped),
        )
        longer = over(found, 20, 5)
        assert [longer.at(tick) for tick in (4, 5, 6, 7)] == pytest.approx([0.2, 0.5, 0.7, 0.65])
        assert over(found, 20, 2).at(4) == pytest.approx(0.8 / 3)

    def test_the_next_thaw_ends_it(self) -> None:
        pieces = rewarmed(course().timings, [Ramp(2, 6), Ramp(4, 0)], ramped)
        assert [start for start, timing in pieces if timing] == [2]
        assert [start for start, timing in pieces] == [0.0, 2, 4]


class TestDivided:
    def test_by_what_stands_at_each_tick(self) -> None:
        rate = course(base=0.5).then(factor(0.1, 3)).then(factor(0.0, 6))
        found = replace(course(linear(), base=0.01), divisor=rate.chain)
        assert [found.at(tick) for tick in (0, 3, 6)] == pytest.approx([0.02, 0.14, 0.0])
        assert (found.span(2), found.span(4)) == ((0.0, 3), (3, 6))
        assert (
            found.key
            == replace(
                course(linear(), base=0.02),
                divisor=rate.chain.__class__((Link(1.0, scales=False, origin="x"), *rate.chain.links[1:])),
            ).key
        )
        assert found.parts(4) == (pytest.approx(0.2), found.timing(4))
        assert (found.base, found.constant, found.unsaid) == (0.02, False, False)
        assert max(found.extremes(), key=lambda pair: float(pair[1]))[0] == 3
