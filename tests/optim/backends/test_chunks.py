from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.optim.backends import plan_chunks


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 9))
def test_chunks_cover_every_segment_once_and_in_order(counts: list[int], size: int) -> None:
    chunks: Any = plan_chunks(np.array(counts, dtype=np.int64), size)
    covered = [(segment, first + place) for segment, first, count in chunks for place in range(count)]
    assert covered == [(segment, place) for segment, count in enumerate(counts) for place in range(count)]
    assert all(0 < count <= size for _, _, count in chunks)


def test_no_segments_have_no_chunks() -> None:
    assert plan_chunks(np.array([], dtype=np.int64)).shape == (0, 3)
    assert plan_chunks(np.array([0, 0])).shape == (0, 3)
