"""Half precision in memory: every bit pattern is read, and every rounding is torch's."""

from typing import Any

import numba
import pytest
import torch
from torch import Tensor

from paramgroups.optim.backends.intrinsics import loading, storing

HALVES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def copier(kinds: tuple[str, str, str]) -> Any:
    """A kernel that writes the first array's number, as it was read, to itself and to the last."""
    load, store = loading(kinds, "float32"), storing(kinds, (0, 2))

    @numba.njit  # type: ignore[untyped-decorator] # numba has no types
    def copy(count: int, one: int, two: int, three: int) -> None:
        for index in range(count):
            numbers = load((one, two, three), index)
            store((one, two, three), index, (numbers[0], numbers[1]))

    return copy


def run(kernel: Any, *arrays: Tensor) -> None:
    kernel(arrays[0].numel(), *(array.data_ptr() for array in arrays))


@pytest.mark.parametrize("name", HALVES)
def test_every_pattern_is_read_and_written_as_it_was(name: str) -> None:
    patterns = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32).to(torch.int16)
    numbers = patterns.view(HALVES[name])
    there, wide = numbers.clone(), torch.zeros(len(numbers))
    run(copier((name, name, "float32")), there, numbers, wide)
    torch.testing.assert_close(wide, numbers.float(), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(there, numbers, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(there.view(torch.int16)[~numbers.isnan()], patterns[~numbers.isnan()])


@pytest.mark.parametrize("name", HALVES)
def test_rounding_is_torchs(name: str) -> None:
    """Between two neighbours, at the middle of two, just beside it, beyond the largest, and no number."""
    bits = torch.randint(-(1 << 31), (1 << 31) - 1, (20_000,)).to(torch.int32)
    middles = (bits & ~0xFFFF) | 0x8000
    edges = [bits, middles, middles + 1, middles - 1, (bits & ~0x1FFF) | 0x1000]
    exact = torch.cat(edges).view(torch.float32)
    given = torch.cat([exact, torch.tensor([float("inf"), -float("inf"), float("nan"), 65519.9, 65520.0])])
    rounded = torch.zeros(len(given), dtype=HALVES[name])
    run(copier(("float32", "float32", name)), given.clone(), given, rounded)
    torch.testing.assert_close(rounded, given.to(HALVES[name]), rtol=0, atol=0, equal_nan=True)
