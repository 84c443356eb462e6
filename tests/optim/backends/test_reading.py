"""What tensors are: torch's C interface and Python's attributes say the same."""

import gc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from paramgroups.optim.backends import reading
from paramgroups.optim.backends.batch import Ints
from paramgroups.optim.backends.reading import hashed, read, read_by_attributes
from paramgroups.optim.backends.traits import (
    ADDRESS,
    COLUMNS,
    DEVICE,
    DTYPE,
    HASHED,
    INDEX,
    NUMEL,
    PLAIN,
    SHAPE,
)

MEANT = [ADDRESS, NUMEL, SHAPE, PLAIN]
"""The columns that are numbers; the others are codes, of which only equality means something."""


def swapped() -> Tensor:
    one, other = torch.ones(2, 3), torch.zeros(5)
    torch.utils.swap_tensors(one, other)
    return one


def regrown() -> Tensor:
    tensor = torch.ones(2, 3)
    return tensor.resize_(7, 9)


ODD: dict[str, Callable[[], Tensor]] = {
    "0-d": lambda: torch.tensor(3.0),
    "empty": lambda: torch.zeros(0),
    "empty in one dimension": lambda: torch.zeros(3, 0, 2),
    "strided": lambda: torch.ones(4, 6).t(),
    "every second": lambda: torch.ones(8)[::2],
    "inside": lambda: torch.ones(4, 6)[1:, 2:4],
    "expanded": lambda: torch.ones(1).expand(3),
    "channels last": lambda: torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last),
    "channels last of one channel": lambda: torch.ones(2, 1, 4, 4).to(memory_format=torch.channels_last),
    "bfloat16": lambda: torch.ones(3, dtype=torch.bfloat16),
    "float16": lambda: torch.ones(3, dtype=torch.float16),
    "float64": lambda: torch.ones(3, dtype=torch.float64),
    "complex": lambda: torch.ones(3, dtype=torch.complex64),
    "conjugated": lambda: torch.ones(3, dtype=torch.complex64).conj(),
    "int8": lambda: torch.ones(3, dtype=torch.int8),
    "parameter": lambda: nn.Parameter(torch.ones(2, 2)),
    "swapped": swapped,
    "regrown": regrown,
}


def both(tensors: list[Tensor]) -> tuple[Ints, Ints]:
    fast = reading._fast()
    assert fast is not None
    found = fast.rows(fast.handles(tensors))
    assert found is not None
    return found, read_by_attributes(tensors)


@pytest.mark.parametrize("kind", ODD)
def test_both_readers_find_the_same(kind: str) -> None:
    tensor = ODD[kind]()
    fast, slow = both([tensor])
    assert fast[0, MEANT].tolist() == slow[0, MEANT].tolist()
    wanted = [tensor.data_ptr(), tensor.numel(), hashed(tensor.shape), int(tensor.is_contiguous())]
    assert fast[0, MEANT].tolist() == wanted


def test_fifty_shapes() -> None:
    rng = np.random.default_rng(0)
    shapes = [tuple(rng.integers(1, 5, rng.integers(0, 6)).tolist()) for _ in range(50)]
    tensors = [torch.zeros(shape) for shape in shapes]
    tensors = [tensor.transpose(0, -1) if place % 3 == 0 and tensor.dim() else tensor
               for place, tensor in enumerate(tensors)]  # fmt: skip
    fast, slow = both(tensors)
    assert fast[:, MEANT].tolist() == slow[:, MEANT].tolist()
    assert 1 < len(set(fast[:, SHAPE])) == len({tuple(tensor.shape) for tensor in tensors})


def test_codes_are_equal_where_the_things_are() -> None:
    tensors = [make() for make in ODD.values()]
    dtypes = [tensor.dtype for tensor in tensors]
    for found in both(tensors):
        for one in range(len(tensors)):
            for other in range(len(tensors)):
                same = found[one, DTYPE] == found[other, DTYPE]
                assert same == (dtypes[one] == dtypes[other])
        assert len(set(found[:, DEVICE])) == len(set(found[:, INDEX])) == 1


@pytest.mark.filterwarnings("ignore:Sparse CSR")  # torch says that they are in beta
@pytest.mark.parametrize(
    "odd",
    [
        lambda: torch.ones(3).to_sparse(),
        lambda: torch.ones(3, 3).to_sparse_csr(),
        lambda: torch.ones(3, device="meta"),
    ],
    ids=["coo", "csr", "meta"],
)
def test_what_has_no_address_is_told_apart(odd: Callable[[], Tensor]) -> None:
    """All are then read by their attributes, and no row equals one of the fast reader's."""
    dense, other = torch.ones(3), odd()
    rows = read([dense, other])
    assert rows.tolist() == read_by_attributes([dense, other]).tolist()
    assert rows[1, [ADDRESS, PLAIN]].tolist() == [0, 0]
    assert rows[0, PLAIN] == 1
    assert rows[0].tolist() != read([dense])[0].tolist()
    assert rows[1, DTYPE:PLAIN].tolist() != rows[0, DTYPE:PLAIN].tolist()


def test_storage_that_was_freed_is_no_plain_run() -> None:
    tensor = torch.ones(4)
    before = read([tensor])
    tensor.untyped_storage().resize_(0)
    after = read([tensor])
    assert after[0, [ADDRESS, PLAIN]].tolist() == [0, 0]
    assert before.tolist() != after.tolist()


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (lambda tensor: tensor.set_(torch.ones(2, 3)), ADDRESS),
        (lambda tensor: tensor.resize_(2, 2), NUMEL),
        (lambda tensor: tensor.resize_(3, 2), SHAPE),
        (lambda tensor: tensor.set_(torch.ones(3, 2).t()), PLAIN),
        (lambda tensor: tensor.__setattr__("data", torch.ones(2, 3).double()), DTYPE),
    ],
    ids=["moved", "resized", "reshaped", "strided", "retyped"],
)
@pytest.mark.parametrize("reader", [read, read_by_attributes])
def test_a_change_is_seen(
    change: Callable[[Tensor], Tensor], column: int, reader: Callable[[list[Tensor]], Ints]
) -> None:
    tensor = torch.ones(2, 3)
    before, held = reader([tensor]), tensor.data  # held, so that its memory is not handed out again
    change(tensor)
    assert reader([tensor])[0, column] != before[0, column]
    assert held.shape == (2, 3) or column in {NUMEL, SHAPE}


def test_a_swapped_parameter_is_read_as_what_it_is_now() -> None:
    one, other = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(5))
    first, second = read([one]), read([other])
    torch.utils.swap_tensors(one, other)
    assert read([one]).tolist() == second.tolist()
    assert read([other]).tolist() == first.tolist()


def test_nothing_is_read() -> None:
    assert read([]).shape == read_by_attributes([]).shape == (0, COLUMNS)


def test_reading_keeps_nothing_alive() -> None:
    tensors = [torch.ones(2) for _ in range(3)]
    before = [len(gc.get_referrers(tensor)) for tensor in tensors]
    rows = read(tensors)
    assert rows.shape == (3, COLUMNS)
    assert [len(gc.get_referrers(tensor)) for tensor in tensors] == before


@given(st.lists(st.integers(0, 2**40), max_size=8))
def test_a_hash_is_64_bits(shape: list[int]) -> None:
    """What wraps around in compiled code, wraps around in Python."""
    assert -(2**63) <= hashed(shape) < 2**63
    with np.errstate(over="ignore"):
        found = np.int64(len(shape))
        for size in shape:
            found = found * np.int64(HASHED) + np.int64(size)
    assert hashed(shape) == int(found)


def test_without_the_interface_attributes_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_interface", lambda: None)
    reading._fast.cache_clear()
    try:
        tensors = [torch.ones(2, 3)]
        assert read(tensors).tolist() == read_by_attributes(tensors).tolist()
    finally:
        reading._fast.cache_clear()
