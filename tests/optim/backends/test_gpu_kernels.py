"""What is launched, and that Triton compiles it for a GPU; none is needed for that."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget

from paramgroups.optim.backends import Batch, gpu, gpu_kernels
from tests.optim.backends.steppers import BACKENDS, CASES, Stepper

HOPPER = SimpleNamespace(
    get_current_device=lambda: 0,
    get_current_stream=lambda _: 0,
    get_current_target=lambda: GPUTarget("cuda", 90, 32),
)
"""What Triton asks about a GPU before it compiles for it."""


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Any]]:
    """What a backend launches, compiled for a GPU that is not there, and not run."""
    found: list[Any] = []

    def compile_only(kernel: Any, grid: tuple[int, ...], *tables: Tensor, **words: Any) -> None:
        found.append(kernel.warmup(*tables, grid=grid, **words, **gpu.OPTIONS))

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(triton.runtime.driver, "_active", HOPPER)
    monkeypatch.setattr(gpu, "_launch", compile_only)
    monkeypatch.setitem(BACKENDS, "gpu", gpu)
    yield found
    for kernel in (gpu_kernels.walk, gpu_kernels.measure, gpu_kernels.gather):
        kernel.device_caches.clear()


def batch_of(case: str, params: Sequence[Tensor], state_dtype: torch.dtype | None = None) -> Batch:
    """A batch whose gradients are the parameters themselves: nothing is run."""
    name, settings = CASES[case]
    return Stepper(name, params, [settings] * len(params), "gpu", state_dtype=state_dtype).given(params)


def names(kernels: Sequence[Any]) -> list[str]:
    return [kernel.metadata.name for kernel in kernels]


def test_a_step_is_one_launch_whatever_the_number_of_segments(launched: list[Any]) -> None:
    params = [torch.zeros(size) for size in (5000, 3, 0, 1000)]
    gpu.step(batch_of("adamw", params))
    assert names(launched) == ["walk"]


def test_statistics_are_one_launch_more(launched: list[Any]) -> None:
    batch = batch_of("sgd", [torch.zeros(5000)])
    batch.statistics = True
    gpu.step(batch)
    gpu.rehearse(batch)
    gpu.measure(batch)
    assert names(launched) == ["walk", "gather", "walk", "gather", "measure", "gather"]
    writing, rehearsing = launched[0].asm["ptx"], launched[2].asm["ptx"]
    assert "st.global.v4" in writing
    assert "st.global.v4" not in rehearsing


def test_what_is_aligned_is_read_sixteen_bytes_at_a_time(launched: list[Any]) -> None:
    whole = torch.zeros(5001)
    gpu.step(batch_of("sgd", [whole]))
    gpu.step(batch_of("sgd", [whole[1:]]))
    aligned, anywhere = (kernel.asm["ptx"] for kernel in launched)
    assert "ld.global.v4" in aligned
    assert "ld.global.v" not in anywhere


def test_where_tables_lie_compiles_nothing_anew(launched: list[Any]) -> None:
    for count in (1, 2, 3, 4, 5):
        gpu.step(batch_of("sgd", [torch.zeros(100)] * count))
    assert len({id(kernel) for kernel in launched}) == 1


@pytest.mark.parametrize("case", CASES)
def test_a_rule_compiles(case: str, launched: list[Any]) -> None:
    gpu.step(batch_of(case, [torch.zeros(5000)]))
    assert launched[0].asm["cubin"]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", gpu.KINDS, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_a_rule_with_sums_compiles_for_every_dtype(
    case: str, dtype: torch.dtype, launched: list[Any]
) -> None:
    batch = batch_of(case, [torch.zeros(5000, dtype=dtype)], torch.float32)
    batch.statistics = True
    gpu.step(batch)
    assert launched[0].asm["cubin"]


def test_a_float32s_root_is_the_nearest(launched: list[Any]) -> None:
    for case in ("lion", "adagrad"):
        gpu.step(batch_of(case, [torch.zeros(8)]))
    assert "sqrt" not in launched[0].asm["ptx"]
    assert "sqrt.rn" in launched[1].asm["ptx"]
    assert "sqrt.approx" not in launched[1].asm["ptx"]
