"""Whatever changes in a piece changes its checksum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.run.checksums import PIECE, ROW, checksum
from tests.run.checkpointed import checksum_of

CONTENT = np.random.default_rng(0).integers(0, 256, 3 * ROW + 77, np.uint8).tobytes()
ZEROS = bytes(2 * ROW)


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_a_changed_byte(place: int, change: int) -> None:
    changed = bytearray(CONTENT)
    changed[place] ^= change
    assert checksum(memoryview(changed)) != checksum(memoryview(CONTENT))


@pytest.mark.parametrize("size", [512, 4096, ROW])
@pytest.mark.parametrize("place", [0, 1])
def test_a_sector_of_zeros(size: int, place: int) -> None:
    changed = bytearray(CONTENT)
    changed[place * size : (place + 1) * size] = bytes(size)
    assert checksum(memoryview(changed)) != checksum(memoryview(CONTENT))


@pytest.mark.parametrize("size", [512, 4096])
def test_two_sectors_that_change_places(size: int) -> None:
    changed = bytearray(CONTENT)
    changed[:size], changed[size : 2 * size] = CONTENT[size : 2 * size], CONTENT[:size]
    assert checksum(memoryview(changed)) != checksum(memoryview(CONTENT))


@pytest.mark.parametrize("count", [0, 1, ROW - 1, ROW, 2 * ROW - 1])
def test_zeros_that_are_lacking(count: int) -> None:
    assert checksum(memoryview(ZEROS[:count])) != checksum(memoryview(ZEROS))


def test_pieces_one_after_another() -> None:
    content = memoryview(np.arange((2 * PIECE + 24) // 8).tobytes())
    parts = content[:PIECE], content[PIECE : 2 * PIECE], content[2 * PIECE :]
    found = 0
    for part in parts:
        found = checksum(part, found)
    assert found == checksum_of(content)
    assert found != checksum_of(memoryview(b"".join((parts[1], parts[0], parts[2]))))
