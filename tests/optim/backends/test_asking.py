"""Asking torch's C interface from compiled code."""

import numpy as np
import pytest
import torch
from torch import Tensor

from paramgroups.optim.backends import reading
from paramgroups.optim.backends.asking import ask
from paramgroups.optim.backends.batch import Ints
from paramgroups.optim.backends.reading import hashed
from paramgroups.optim.backends.traits import ADDRESS, COLUMNS, INDEX, NUMEL, PLAIN, SHAPE


def asked(*tensors: Tensor) -> tuple[bool, Ints]:
    functions = reading._interface()
    assert functions is not None
    handles = np.array([tensor._cdata for tensor in tensors], np.int64)
    rows = np.full((len(tensors), COLUMNS), 99, np.int64)
    return bool(ask(functions, handles, rows)), rows


def test_a_row_for_each_tensor() -> None:
    first, second = torch.ones(2, 3), torch.ones(3, 2, dtype=torch.float64).t()
    failed, rows = asked(first, second)
    assert not failed
    assert rows[:, ADDRESS].tolist() == [first.data_ptr(), second.data_ptr()]
    assert rows[:, NUMEL].tolist() == [6, 6]
    assert rows[:, SHAPE].tolist() == [hashed((2, 3))] * 2
    assert rows[:, PLAIN].tolist() == [1, 0]


def test_narrow_answers_leave_nothing_of_what_was_there() -> None:
    """An answer of 32 bits or of one byte is written into a column of 64, here one full of 99."""
    _, rows = asked(torch.ones(2))
    _, again = asked(torch.ones(2))
    assert rows[0, NUMEL:].tolist() == again[0, NUMEL:].tolist()
    assert rows[0, INDEX] in {0, -1, 2**32 - 1}


def test_none_is_no_failure() -> None:
    failed, rows = asked()
    assert not failed
    assert rows.shape == (0, COLUMNS)


@pytest.mark.parametrize("place", [0, 1], ids=["first", "last"])
def test_what_has_no_memory_ends_it(place: int) -> None:
    tensors = [torch.ones(2)]
    tensors.insert(place, torch.ones(2, device="meta"))
    assert asked(*tensors)[0]


def test_an_empty_tensor_needs_no_memory() -> None:
    assert not asked(torch.zeros(0), torch.zeros(0, 3))[0]
