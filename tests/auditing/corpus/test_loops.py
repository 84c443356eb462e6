"""Every fault that shows in training alone is found by a watch, and nothing else is said."""

from collections.abc import Callable

import pytest

from paramgroups.auditing.watches.kinds import KINDS
from tests.auditing.corpus.loops import FAULTY, SOUND, Loop


@pytest.mark.parametrize("code", FAULTY)
def test_the_fault_is_found_and_nothing_else(code: str) -> None:
    assert list(FAULTY[code]().messages()) == [code]


@pytest.mark.parametrize("make", SOUND, ids=lambda make: make.__name__)
def test_a_sound_loop_is_silent(make: Callable[[], Loop]) -> None:
    assert not make().messages()


def test_every_kind_has_a_loop() -> None:
    assert set(FAULTY) == {kind.code for kind in KINDS}
