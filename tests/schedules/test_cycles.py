import pytest

from paramgroups.errors import ScheduleError
from paramgroups.schedules import Horizon, cyclic

STREAM = Horizon.of(steps_per_epoch=10)


def test_cycles_go_on_for_ever() -> None:
    at = cyclic(start=0.5, up=10, down=30).over(STREAM)
    assert [at(t) for t in (0, 5, 10, 25, 40, 50, 40 * 10**6 + 25)] == [0.5, 0.75, 1, 0.75, 0.5, 1, 0.75]


def test_a_way_may_be_an_epoch() -> None:
    at = cyclic(start=0, up="1 epoch").over(STREAM)
    assert (at(5), at(10), at(15), at(20)) == (0.5, 1.0, 0.5, 0.0)


def test_the_height_shrinks_by_cycle_or_by_tick() -> None:
    at = cyclic(start=0.5, up=1, cycle_factor=0.5).over(STREAM)
    assert [at(t) for t in range(6)] == [0.5, 1.0, 0.5, 0.75, 0.5, 0.625]
    at = cyclic(start=0.0, up=1, tick_factor=0.5).over(STREAM)
    assert [at(t) for t in range(4)] == [0, 0.5, 0, 0.125]


def test_the_opposite_cycle_starts_high() -> None:
    at = cyclic(start=1, peak=0.5, up=2).over(STREAM)
    assert [at(t) for t in range(5)] == [1.0, 0.75, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("factor", ["cycle_factor", "tick_factor"])
def test_a_growing_fall_is_refused(factor: str) -> None:
    with pytest.raises(ScheduleError, match=f"peak=0.5, {factor}=2.0.* falls .* until it is negative"):
        cyclic(start=1, up=5, peak=0.5, **{factor: 2})


def test_a_cycle_that_grows_past_all_numbers_is_refused_where_it_does() -> None:
    at = cyclic(start=0, up=10, tick_factor=10).over(STREAM)
    assert at(10) == 10**10
    with pytest.raises(ScheduleError, match="cyclic is too large for a number at tick 315"):
        at(315)


def test_ways_of_nothing_are_refused() -> None:
    with pytest.raises(ScheduleError, match="cyclic: down=0 is 0"):
        cyclic(start=0, up=3, down=0)


def test_ways_that_are_shares_are_at_least_a_tick() -> None:
    at = cyclic(start=0, up="1%", down="10%").over(Horizon.of(steps=20))
    assert [at(t) for t in range(5)] == [0, 1, 0.5, 0, 1]


def test_feet_and_tops_are_turns_where_the_end_is_known() -> None:
    shape = cyclic(start=0, up=10, down=30)
    assert set(shape.turns(Horizon.of(steps=50), 50) or ()) == {0, 10, 40, 50, 80}
    assert shape.turns(Horizon.of(), None) is None
    assert cyclic(start=0, up=1).turns(Horizon.of(steps=50), 50) == range(51)
