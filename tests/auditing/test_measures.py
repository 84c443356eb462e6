"""Norms of tensors of any dtype, and parts of large ones."""

import pytest
import torch

from paramgroups.auditing.measures import norm_of, part_of


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_norm_is_taken_in_float32_at_least(dtype: torch.dtype) -> None:
    assert norm_of(torch.full((4,), 3e4, dtype=dtype)) == pytest.approx(6e4, rel=0.01)


def test_norms_of_complex_numbers_and_of_nothing() -> None:
    assert norm_of(torch.tensor([3 + 4j])) == 5.0
    assert norm_of(torch.zeros(0)) == 0.0


@pytest.mark.parametrize(
    ("shape", "most"), [((100, 7), 50), ((1, 1000), 50), ((9,), 50), ((), 50), ((1, 1, 64), 8)]
)
def test_a_part_is_no_larger_than_asked_and_lies_where_the_whole_does(
    shape: tuple[int, ...], most: int
) -> None:
    whole = torch.randn(shape)
    part = part_of(whole, most)
    assert 0 < part.numel() <= most
    assert part.data_ptr() == whole.data_ptr()
