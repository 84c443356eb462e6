"""What processes tell each other, as far as one of them can show it."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from paramgroups.optim.sharing import Message, Sharing
from paramgroups.optim.statistics import Told, left_out, tell

FOUR = [16.0, 4.0, 1.0, 0.0]


class Waited:
    """Work that is done when it is waited for, and only once."""

    def __init__(self, numbers: torch.Tensor) -> None:
        self.numbers, self.count = numbers, 0

    def wait(self) -> None:
        self.count += 1
        self.numbers *= 2


def told(
    *sums: list[float], groups: list[int], members: list[int], stepped: list[bool] | None = None
) -> Told:
    count = len(sums)
    nothing = np.zeros(count, np.int64)
    here = np.array(stepped or [True] * count)
    return Told(np.array(sums), np.array(groups), np.array(members), nothing, nothing, here)


def sharing(shares: list[float], lengths: list[int]) -> Any:
    params: list[torch.Tensor] = [nn.Parameter(torch.zeros(1)) for _ in shares]
    group: Any = None
    return Sharing((0, 1), group, torch.device("cpu"), params, lengths, np.array(shares))


def test_a_process_tells_its_share_of_what_others_hold_too() -> None:
    """The second parameter is in both processes, the first in this one alone."""
    found = sharing([1.0, 0.5, 1.0], [2, 1])._shared(
        [told(FOUR, FOUR, groups=[0, 0], members=[0, 1]), told(FOUR, groups=[1], members=[0])]
    )
    assert found.tolist() == [[24.0, 6.0, 1.5, 0.0, 2.0], [16.0, 4.0, 1.0, 0.0, 1.0]]


def test_what_was_not_stepped_is_not_told() -> None:
    one = told(FOUR, FOUR, groups=[0, 1], members=[0, 0], stepped=[True, False])
    assert sharing([1.0, 1.0], [1, 1])._shared([one]).tolist() == [[*FOUR, 1.0], [0.0] * 5]


def test_a_process_that_holds_nothing_tells_zeros() -> None:
    assert sharing([1.0], [1])._shared([]).tolist() == [[0.0] * 5]


def test_weights_of_what_was_held_back_are_not_known() -> None:
    one = left_out(told(FOUR, groups=[0], members=[0]), np.array([True]))
    (row,) = sharing([1.0], [1])._shared([one]).tolist()
    assert (row[0], math.isnan(row[1])) == (16.0, True)


def test_a_message_is_waited_for_once() -> None:
    numbers = torch.tensor([[8.0, 2.0, 0.5, 0.0, 1.0], [0.0] * 5], dtype=torch.float64)
    work = Waited(numbers)
    message = Message(numbers, work)
    assert work.count == 0
    assert message.sums[0].tolist() == [16.0, 4.0, 1.0, 0.0, 2.0]
    assert list(tell([message.told], [{"name": "head"}, {}], "group", 1.0)) == ["head"]
    assert work.count == 1


def pickled(one: Any) -> Any:
    return pickle.loads(pickle.dumps(one))  # noqa: S301  # ours


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_a_copy_has_what_came(copied: Any) -> None:
    numbers = torch.ones((1, 5), dtype=torch.float64)
    found = copied(Message(numbers, Waited(numbers)))
    assert found.sums.tolist() == [[2.0] * 5]


@pytest.mark.parametrize(
    ("count", "wanted"), [(0.0, 0), (1 / 3 * 3, 1), (0.25, 1), (2.9999999, 3), (3.0000001, 3)]
)
def test_counts_are_whole(count: float, wanted: int) -> None:
    """What one copy of four alone has found counts: copies that differ are wrong anyway."""
    assert Message(torch.tensor([[0.0, 0.0, 0.0, count, 1.0]])).sums[0, 3] == wanted


def test_what_was_found_holds_for_the_same_parameters_in_the_same_groups() -> None:
    found = sharing([1.0, 1.0], [1, 1])
    assert found.holds(found.params, [1, 1])
    assert not found.holds(found.params, [2])
    assert not found.holds([found.params[0], nn.Parameter(torch.zeros(1))], [1, 1])
