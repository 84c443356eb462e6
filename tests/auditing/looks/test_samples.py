"""A few numbers of a tensor."""

import pytest
import torch
from torch import nn

from paramgroups.auditing.looks.samples import NUMBERS, TENSORS, rms, sampled, some


def test_small_tensors_are_taken_whole() -> None:
    values = torch.arange(6.0).reshape(2, 3)
    found = sampled(nn.Parameter(values))
    assert found is not None
    assert found.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("shape", [(1000, 1000), (4096, 512), (64, 4, 64, 64)], ids=str)
def test_large_tensors_are_sampled_over_all_their_columns(shape: tuple[int, ...]) -> None:
    tensor = torch.zeros(shape)
    tensor[..., ::2] = 2.0
    found = sampled(tensor)
    assert found is not None
    assert NUMBERS / 2 <= len(found) <= 2 * NUMBERS
    assert abs(float(found.mean()) - 1.0) < 0.05


def test_other_layouts_in_memory_are_sampled_as_well() -> None:
    tensor = torch.ones(64, 64, 8, 8).to(memory_format=torch.channels_last)
    found = sampled(tensor)
    assert found is not None
    assert NUMBERS / 2 <= len(found) <= 2 * NUMBERS
    assert bool((found == 1).all())


@pytest.mark.parametrize(
    "tensor",
    [
        torch.empty(2, device="meta"), torch.empty(0), torch.tensor([1, 2]), torch.eye(2).to_sparse(),
        nn.Parameter(torch.ones(2), requires_grad=False).as_subclass(nn.Buffer), torch.tensor([1j]),
    ],
    ids=["meta", "empty", "whole", "sparse", "subclass", "complex"],
)  # fmt: skip
def test_what_cannot_be_read_cheaply_is_passed_over(tensor: torch.Tensor) -> None:
    assert sampled(tensor) is None


def test_half_precision_is_read_in_float32() -> None:
    found = sampled(torch.ones(3, dtype=torch.bfloat16))
    assert found is not None
    assert found.dtype == torch.float32


def test_of_many_things_some_are_taken_from_all_over() -> None:
    assert list(some(range(10))) == list(range(10))
    taken = list(some(range(3 * TENSORS + 1)))
    assert len(taken) <= TENSORS
    assert taken[0] == 0
    assert taken[-1] > 2 * TENSORS


def test_the_root_mean_square() -> None:
    assert rms(torch.tensor([3.0, -4.0, 0.0, 0.0])) == 2.5
