"""Statistics of values, taken in float64, the same on all ranks."""

import math

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import HashStore

from paramgroups.errors import ModelError
from paramgroups.indexing import STATISTICS, measure


def holding(*values: float, dtype: torch.dtype = torch.float32) -> nn.Module:
    model = nn.Module()
    model.w = nn.Parameter(torch.tensor(values, dtype=dtype), requires_grad=False)
    return model


def test_each_statistic_on_numbers_to_check_by_hand() -> None:
    found = measure(holding(3.0, -4.0, 0.0, 5.0), STATISTICS)
    assert {name: by_name["w"] for name, by_name in found.items()} == pytest.approx(
        {"rms": math.sqrt(12.5), "mean": 1.0, "std": math.sqrt(11.5), "absmax": 5.0, "norm": math.sqrt(50)}
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int8, torch.float64])
def test_sums_neither_overflow_nor_lose_small_parts(dtype: torch.dtype) -> None:
    model = nn.Module()
    model.w = nn.Parameter(torch.full((70_000,), 100, dtype=dtype), requires_grad=False)
    assert measure(model, ["rms", "std"]) == {"rms": {"w": 100.0}, "std": {"w": 0.0}}


def test_pieces_make_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(7, 5)
    whole = measure(model, STATISTICS)
    monkeypatch.setattr("paramgroups.indexing.statistics.PIECE", 4)
    for name, values in measure(model, STATISTICS).items():
        assert values == pytest.approx(whole[name])


def test_each_tensor_once_by_its_canonical_name() -> None:
    model = nn.ModuleList([nn.Embedding(2, 2), nn.Linear(2, 2, bias=False)])
    model[1].weight = model[0].weight
    assert list(measure(model, ["norm"])["norm"]) == ["0.weight"]
    parametrized = nn.utils.parametrizations.orthogonal(nn.Linear(2, 2))
    assert set(measure(nn.DataParallel(parametrized), ["norm"])["norm"]) == {"weight", "bias"}


def test_nothing_is_zero_and_nan_stays() -> None:
    empty = nn.Module()
    empty.w = nn.Parameter(torch.ones(0))
    assert all(value == {"w": 0.0} for value in measure(empty, STATISTICS).values())
    found = measure(holding(math.nan, 1.0), STATISTICS)
    assert all(math.isnan(value["w"]) for value in found.values())


def test_an_unknown_statistic_names_the_nearest() -> None:
    with pytest.raises(ModelError, match=r'"absmx" is no statistic of values\. Nearest: "absmax"'):
        measure(holding(1.0), ["absmx"])


@pytest.mark.parametrize("model", [nn.Linear(2, 2, device="meta"), nn.LazyLinear(2)], ids=["meta", "lazy"])
def test_without_values_there_is_an_error_that_names_the_tensors_and_the_fix(model: nn.Module) -> None:
    with pytest.raises(
        ModelError, match=r"2 parameters have no values to measure: weight, bias\. Build the model on"
    ):
        measure(model, ["rms"])


def test_all_ranks_get_what_rank_0_finds() -> None:
    dist.init_process_group("gloo", rank=0, world_size=1, store=HashStore())
    try:
        assert measure(holding(3.0, 4.0), ["norm"]) == {"norm": {"w": 5.0}}
    finally:
        dist.destroy_process_group()
