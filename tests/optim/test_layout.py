"""How tensors are sorted into launches, and cut into segments."""

import re
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.backends import cpu, reference
from paramgroups.optim.layout import (
    check_gradient,
    check_memory,
    check_shard,
    cut,
    is_strided,
    real,
    turns_of,
)
from paramgroups.optim.rows import Cut
from tests.optim.passers import Walker, grown


@st.composite
def cut_tensors(draw: Any) -> tuple[Tensor, list[tuple[Cut, int]]]:
    """A tensor, and ranges of its rows that do not overlap, in any order."""
    size = draw(st.integers(1, 12))
    ends = sorted(draw(st.sets(st.integers(0, size))))
    ranges = [pair for pair in pairwise(ends) if draw(st.booleans())]
    cuts = [(Cut(0, 0, start, stop), number) for number, (start, stop) in enumerate(ranges, 1)]
    dtype = draw(st.sampled_from([torch.float32, torch.complex64]))
    shape = [size, *draw(st.lists(st.integers(0, 3), max_size=2))]
    return torch.zeros(shape, dtype=dtype), draw(st.permutations(cuts))


@given(st.lists(cut_tensors(), min_size=1, max_size=3))
def test_segments_cover_every_tensor_exactly(cases: list[tuple[Tensor, list[tuple[Cut, int]]]]) -> None:
    """Each number is in one segment, with the settings of its row; owners are 0, -1, -2."""
    owners = -np.arange(len(cases))
    segments = cut([tensor for tensor, _ in cases], owners, [cuts for _, cuts in cases], [{}] * len(cases))
    assert sorted(segments.tensor_of.tolist()) == segments.tensor_of.tolist()
    assert set(segments.tensor_of.tolist()) == set(range(len(cases)))
    for place, (tensor, cuts) in enumerate(cases):
        mine = segments.tensor_of == place
        total = tensor.numel() * (2 if tensor.is_complex() else 1)
        found = [None] * total
        for start, count, settings in zip(
            segments.starts[mine], segments.counts[mine], segments.settings[mine], strict=True
        ):
            assert found[start : start + count] == [None] * count
            found[start : start + count] = [settings] * count
        wanted = np.full(len(tensor), owners[place])
        for rows, settings in cuts:
            wanted[rows.start : rows.stop] = settings
        assert found == np.repeat(wanted, total // len(tensor)).tolist()


@given(st.lists(st.integers(0, 2), min_size=1, max_size=8))
def test_rows_of_one_segment_were_stepped_equally_often(counts: list[int]) -> None:
    """And rows side by side that were, and have equal settings, are one segment."""
    segments = cut(
        [torch.zeros(len(counts), 2)], np.array([0]), [[]], [{"step": torch.tensor(counts).float()}]
    )
    found = [
        counts[start // 2 : (start + count) // 2]
        for start, count in zip(segments.starts.tolist(), segments.counts.tolist(), strict=True)
    ]
    assert [number for piece in found for number in piece] == counts
    assert all(len(set(piece)) == 1 for piece in found)
    assert all(before[0] != after[0] for before, after in pairwise(found))


def test_segments_by_hand() -> None:
    tensors = [torch.zeros(5, 2), torch.zeros(()), torch.zeros(3, 0)]
    rows = [[(Cut(0, 0, 3, 5), 8), (Cut(0, 0, 0, 1), 7)], [], [(Cut(1, 1, 0, 1), 9)]]
    segments = cut(tensors, np.array([0, 0, 1]), rows, [{}] * 3)
    assert list(zip(*(column.tolist() for column in segments), strict=True)) == [
        (0, 0, 2, 7, 0, 1),
        (0, 2, 4, 0, 1, 2),
        (0, 6, 4, 8, 3, 2),
        (1, 0, 1, 0, 0, 1),
        (2, 0, 0, 1, 0, 3),
    ]


SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=8)


@given(SPANS)
def test_no_two_that_share_memory_have_one_turn(spans: list[tuple[int, int]]) -> None:
    """And of two that do, the one that stands before is stepped before."""
    memory = torch.zeros(30)
    turns = turns_of([memory[start : start + count] for start, count in spans])
    numbers = [set(range(start, start + count)) for start, count in spans]
    for one, other in combinations(range(len(spans)), 2):
        if numbers[one] & numbers[other]:
            assert turns[one] < turns[other]
    alone = [place for place, mine in enumerate(numbers)
             if not any(mine & other for at, other in enumerate(numbers) if at != place)]  # fmt: skip
    assert all(turns[place] == 0 for place in alone)


def test_strided_tensors_share_what_lies_between_their_numbers() -> None:
    """Two columns of a table have no number in common; that they wait is no harm."""
    table = torch.zeros(3, 2)
    assert turns_of([table[:, 0], table[:, 1]]) == [0, 1]
    assert turns_of([table[0], table[1], table]) == [0, 0, 1]
    assert turns_of([]) == []


def test_tensors_on_other_devices_share_nothing() -> None:
    both = torch.zeros(4)
    assert turns_of([torch.zeros(4, device="meta"), both, torch.zeros(4, device="meta"), both]) == [
        0,
        0,
        1,
        1,
    ]


def test_what_is_strided() -> None:
    line = torch.ones(2, 3)
    assert not is_strided(line)
    assert is_strided(line.t())
    assert is_strided(torch._neg_view(line))
    assert is_strided(torch.ones(1, 2, 2, 2).to(memory_format=torch.channels_last))


def test_real() -> None:
    assert [real(kind) for kind in (torch.complex64, torch.complex128, torch.bfloat16)] == [
        torch.float32,
        torch.float64,
        torch.bfloat16,
    ]


@pytest.mark.parametrize(
    ("param", "grad", "message"),
    [
        (
            torch.ones(2),
            torch.ones(2).to_sparse(),
            (
                "A parameter of shape (2,): a torch.sparse_coo gradient, and a pass steps dense ones. "
                "Make the layer without sparse=True, or give its group another optimizer: "
                'optimizer="sparseadam".'
            ),
        ),
        (torch.ones(2).to_sparse(), torch.ones(2), "A parameter of shape (2,): a torch.sparse_coo parameter"),
        (
            torch.ones(2),
            torch.ones(3),
            (
                "A torch.float32 parameter of shape (2,) on cpu has a torch.float32 gradient of shape (3,) "
                "on cpu: it was replaced since. Set its grad to None first."
            ),
        ),
        (torch.ones(2), torch.ones(2, dtype=torch.complex64), "a torch.complex64 gradient of shape (2,)"),
        (torch.ones(2, dtype=torch.complex64), torch.ones(2), "A torch.complex64 parameter of shape (2,)"),
        (torch.ones(2), torch.ones(2, device="meta"), "gradient of shape (2,) on meta"),
    ],
    ids=["sparse gradient", "sparse parameter", "shape", "complex gradient", "complex parameter", "device"],
)
def test_gradients_that_cannot_be_stepped(param: Tensor, grad: Tensor, message: str) -> None:
    with pytest.raises(OptimizerError, match=re.escape(message)):
        check_gradient(param, grad)


@pytest.mark.parametrize("left", [0, 4])
@pytest.mark.parametrize("what", ["parameter", "gradient"])
def test_storage_that_is_too_small(what: str, left: int) -> None:
    """A kernel would write where nothing, or something else, is."""
    tensors = {"parameter": torch.ones(3), "gradient": torch.ones(3)}
    check_memory(*tensors.values())
    tensors[what].untyped_storage().resize_(left)
    with pytest.raises(OptimizerError) as caught:
        check_memory(*tensors.values())
    assert str(caught.value) == (
        f"A parameter of shape (3,): the storage of the {what} has {left} of the 12 bytes that it needs. "
        "It was freed since, or resized. Restore it, or set its grad to None."
    )


@pytest.mark.parametrize(
    "tensor",
    [torch.zeros(0), torch.ones(4, 3)[1:, 2], torch.tensor(1.0), torch.ones(4)[2:]],
    ids=["empty", "inside", "0-d", "at the end"],
)
def test_storage_that_is_large_enough(tensor: Tensor) -> None:
    check_memory(tensor, tensor)


def test_an_expanded_gradient_is_only_read() -> None:
    check_memory(torch.ones(9), torch.ones(1).expand(9))


@pytest.mark.parametrize(
    ("param", "message"),
    [
        (
            torch.ones(2, device="meta"),
            "A parameter of shape (2,) is on meta, where there are no numbers to step.",
        ),
        (
            torch.ones(1).expand(9),
            "A parameter of shape (9,) was expanded: several of its numbers are at one place",
        ),
    ],
    ids=["meta", "expanded"],
)
def test_memory_that_cannot_be_written(param: Tensor, message: str) -> None:
    with pytest.raises(OptimizerError, match=re.escape(message)):
        check_memory(param, torch.ones_like(param))


def test_what_needs_the_whole_of_a_spread_tensor() -> None:
    what = "the norms that lamb needs"
    lamb, adam = (family.of(family.defaults) for family in (ALGORITHMS["lamb"], ALGORITHMS["adam"]))
    with pytest.raises(
        OptimizerError, match=f"spread over several processes.*{what}.*Leave the parameter whole"
    ):
        check_shard(lamb)
    check_shard(adam)


def shapes_of(walker: Walker) -> list[list[tuple[int, ...]]]:
    return [[tuple(param.shape) for param in part.params] for part in walker.find()]


def test_tensors_of_one_kind_are_one_launch() -> None:
    walker = Walker("adam", {"params": grown((2,), (3,))}, {"params": grown((4,)), "lr": 0.5})
    assert shapes_of(walker) == [[(2,), (3,), (4,)]]


def changed(change: Callable[[nn.Parameter], None]) -> list[list[tuple[int, ...]]]:
    params = grown((2, 2), (3, 3))
    change(params[1])
    return shapes_of(Walker("adam", {"params": params}))


def double(param: nn.Parameter) -> None:
    param.data, param.grad = param.data.float(), None
    param.grad = torch.ones(param.shape)


def complex_(param: nn.Parameter) -> None:
    param.grad = None
    param.data = param.data + 0j
    param.grad = param.data.clone()


def other_gradient(param: nn.Parameter) -> None:
    param.grad = None
    param.grad_dtype = torch.float32
    param.grad = torch.ones(param.shape)


def strided_gradient(param: nn.Parameter) -> None:
    param.grad = torch.ones(param.shape, dtype=torch.float64).t()


@pytest.mark.parametrize(
    "change", [double, complex_, strided_gradient, other_gradient], ids=lambda one: one.__name__
)
def test_tensors_of_another_kind_are_a_launch_of_their_own(change: Callable[[nn.Parameter], None]) -> None:
    assert changed(change) == [[(2, 2)], [(3, 3)]]


def test_another_rule_is_a_launch_of_its_own() -> None:
    first, second = grown((2,), (3,))
    assert shapes_of(Walker("adam", {"params": [first]}, {"params": [second], "amsgrad": True})) == [
        [(2,)],
        [(3,)],
    ]


def test_each_tensor_has_its_backend() -> None:
    dense, odd = grown((2,), (3,))
    walker = Walker("sgd", {"params": [dense]}, {"params": [odd]})
    assert [part.backend for part in walker.find()] == [cpu]
    forced = Walker("sgd", {"params": [dense, odd]}, backend="torch")
    assert [part.backend for part in forced.find()] == [reference]


def test_turns_are_taken_in_their_order_across_kinds() -> None:
    """A tensor that stands first and alone does not draw another's turn before it."""
    memory = torch.zeros(6, dtype=torch.float64)
    params = [
        nn.Parameter(torch.zeros(1, dtype=torch.float64)),
        nn.Parameter(memory[2:]),
        nn.Parameter(memory),
    ]
    for param in params:
        param.grad = torch.ones_like(param)
    assert shapes_of(Walker("sgd", {"params": params})) == [[(1,), (4,)], [(6,)]]


def test_no_state_is_made_when_one_tensor_cannot_be_stepped() -> None:
    params = grown((2,), (3,))
    params[1].grad = torch.ones(3, dtype=torch.float64).to_sparse()
    walker = Walker("adam", {"params": params})
    with pytest.raises(OptimizerError, match="sparse_coo gradient"):
        walker.step()
    assert not walker.states
