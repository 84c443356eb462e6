"""Which rows of a tensor are in a process, against how torch cuts."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed.tensor.placement_types import _StridedShard

from paramgroups.optim.layout import cut
from paramgroups.optim.rows import Cut
from paramgroups.optim.shards import Run, Split, is_spread, kept, parts_of, placed_as, runs, runs_of

COUNTS, PARTS = st.integers(0, 40), st.integers(1, 7)


@given(COUNTS, PARTS)
def test_rows_are_dealt_out_as_torch_chunks_them(count: int, parts: int) -> None:
    wanted = [piece.tolist() for piece in torch.arange(count).chunk(parts)] if count else []
    wanted += [[]] * (parts - len(wanted))
    assert [kept(count, [Split(parts, place)]).tolist() for place in range(parts)] == wanted


@given(COUNTS, PARTS, PARTS)
def test_strides_are_as_torch_has_them(count: int, parts: int, strides: int) -> None:
    """What tensor parallel has cut before is cut by `fully_shard` in pieces."""
    placement = _StridedShard(0, split_factor=strides)
    wanted, _ = placement._split_tensor(torch.arange(count), parts, with_padding=False)
    found = [kept(count, [Split(parts, place, strides)]) for place in range(parts)]
    assert [one.tolist() for one in found] == [one.tolist() for one in wanted]


@given(COUNTS, PARTS, PARTS, PARTS)
def test_each_row_is_in_one_process_of_a_mesh(count: int, first: int, second: int, strides: int) -> None:
    places = itertools.product(range(first), range(second))
    each = [kept(count, [Split(first, one, strides), Split(second, other)]) for one, other in places]
    assert sorted(np.concatenate(each).tolist()) == list(range(count))


@given(st.sets(st.integers(0, 30)), st.integers(0, 30), st.integers(0, 30))
def test_runs_find_the_rows_of_a_range(held: set[int], start: int, stop: int) -> None:
    rows = np.array(sorted(held), np.int64)
    found = [place for run in runs(rows) for place in range(len(rows))[run.of(start, stop)]]
    assert [int(rows[place]) for place in found] == [row for row in sorted(held) if start <= row < stop]


def test_a_plain_tensor_is_here_as_a_whole() -> None:
    tensor = torch.zeros(5, 2)
    assert (runs_of(tensor), runs_of(torch.tensor(1.0))) == ([Run(0, 0, 5)], [Run(0, 0, 1)])
    assert (is_spread(tensor), parts_of(tensor)) == (False, 1)
    assert placed_as(tensor, tensor) is tensor


@pytest.mark.parametrize("counted", [False, True], ids=["alike", "counted"])
def test_a_whole_tensor_is_cut_as_before(counted: bool) -> None:  # noqa: FBT001  # a case
    counts = {"step": torch.tensor([0.0, 0.0, 1.0, 1.0])} if counted else {}
    segments = cut([torch.zeros(4, 3)], np.array([0]), [[(Cut(0, 0, 3, 4), 7)]], [counts])
    edges = [0, 2, 3] if counted else [0, 3]
    assert segments.firsts.tolist() == edges
    assert segments.starts.tolist() == [3 * edge for edge in edges]
    assert segments.rows.sum() == 4
