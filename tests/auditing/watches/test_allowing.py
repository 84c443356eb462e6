"""The time that looks may take."""

import pytest

from paramgroups.auditing.watches.allowing import SAVED, Allowance


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_looks_take_their_share_of_the_time_and_no_more() -> None:
    clock, taken = Clock(), 0.0
    allowance = Allowance(0.01, clock)
    for _ in range(10_000):
        clock.now += 0.001
        if allowance.open():
            allowance.spend(0.0005)
            taken += 0.0005
    assert taken == pytest.approx(0.01 * clock.now, rel=0.02)


def test_a_pause_saves_up_little() -> None:
    clock = Clock()
    allowance = Allowance(0.01, clock)
    clock.now = 3600.0
    assert allowance.open()
    allowance.spend(SAVED)
    assert not allowance.open()


def test_a_dear_look_is_paid_back_before_the_next() -> None:
    clock = Clock()
    allowance = Allowance(0.01, clock)
    allowance.spend(0.01)
    clock.now = 0.99
    assert not allowance.open()
    clock.now = 1.01
    assert allowance.open()
