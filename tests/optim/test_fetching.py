"""Numbers come as they were when they were sent off."""

import copy

import numpy as np
import torch

from paramgroups.optim.fetching import Fetched, sent


def test_what_was_fetched_is_read_in_float64() -> None:
    found = Fetched(torch.tensor([0.5, 2.0])).numbers
    assert found.dtype == np.float64
    assert found.tolist() == [0.5, 2.0]


def test_a_copy_holds_what_came() -> None:
    twin = copy.deepcopy(Fetched(torch.tensor([3.0], dtype=torch.float64)))
    assert twin.numbers.tolist() == [3.0]


def test_whole_numbers_are_sent_as_they_are() -> None:
    numbers = np.array([3, -1, 2**40])
    found = sent(numbers, torch.device("cpu"))
    numbers[0] = 0
    assert found.tolist() == [3, -1, 2**40]
