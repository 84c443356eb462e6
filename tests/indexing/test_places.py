"""The walk: names, ties, cycles, and odd models."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from paramgroups.errors import ModelError
from paramgroups.indexing import index, named_parameters


def names(model: nn.Module) -> list[str]:
    return [name for name, _ in named_parameters(model)]


def test_names_and_order_are_those_of_torch_for_a_plain_model() -> None:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, batch_first=True), 2)
    assert list(named_parameters(model)) == list(model.named_parameters())


def test_a_tied_tensor_comes_once_for_each_of_its_names_and_is_one_row() -> None:
    model = nn.ModuleDict(
        {"embed": nn.Embedding(5, 4), "mid": nn.Linear(4, 4), "lm_head": nn.Linear(4, 5, bias=False)}
    )
    model["lm_head"].weight = model["embed"].weight
    assert names(model) == ["embed.weight", "mid.weight", "mid.bias", "lm_head.weight"]
    rows = index(model)
    assert len(rows) == 3
    assert rows["lm_head.weight"] is rows["embed.weight"]
    assert rows["lm_head.weight"].aliases == ("lm_head.weight",)
    assert rows["lm_head.weight"].role == "embedding"
    assert rows["lm_head.weight"].roles == {"embedding", "head", "linear", "weight"}


def test_a_shared_module_gives_all_its_names() -> None:
    shared = nn.Linear(2, 2, bias=False)
    rows = index(nn.ModuleList([shared, nn.Sequential(shared)]))
    assert [row.names for row in rows] == [("0.weight", "1.0.weight")]


def test_a_cycle_is_entered_once() -> None:
    model = nn.Module()
    model.child = nn.Linear(1, 1, bias=False)
    model.child.parent = model
    model.again = model.child
    assert names(model) == ["child.weight", "again.weight"]


def test_modules_that_share_modules_without_end_are_an_error() -> None:
    model: nn.Module = nn.Linear(1, 1)
    for _ in range(24):
        model = nn.ModuleList([model, model])
    with pytest.raises(ModelError, match="More than 1,000,000 paths"):
        index(model)


def test_modules_nested_without_end_are_an_error() -> None:
    model: nn.Module = nn.Linear(1, 1)
    for _ in range(2000):
        model = nn.Sequential(model)
    with pytest.raises(ModelError, match="nested more than 300 deep"):
        index(model)


def test_a_deep_model_is_indexed() -> None:
    model: nn.Module = nn.Linear(1, 1, bias=False)
    for _ in range(250):
        model = nn.Sequential(model)
    assert index(model).rows[0].name == "0." * 250 + "weight"


def test_what_is_no_module_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"dict is no torch\.nn\.Module"):
        index({"weight": torch.ones(1)})  # type: ignore[arg-type] # the mistake under test


def test_no_parameters_and_one_number() -> None:
    assert len(index(nn.ReLU())) == 0
    model = nn.Module()
    model.temperature = nn.Parameter(torch.tensor(1.0))
    (row,) = index(model)
    assert (row.name, row.role, row.shape, row.numel, row.fan_in, row.fan_out) == (
        "temperature",
        "scale",
        (),
        1,
        1,
        1,
    )


def test_odd_keys_are_kept_and_buffers_left_out() -> None:
    odd = "a-b | c[0]:~ *"
    model = nn.Module()
    model.table = nn.ParameterDict({odd: nn.Parameter(torch.ones(2)), "gpt-2": nn.Parameter(torch.ones(2))})
    model.list = nn.ParameterList([nn.Parameter(torch.ones(3))])
    model.norm = nn.BatchNorm1d(2)
    assert names(model) == [f"table.{odd}", "table.gpt-2", "list.0", "norm.weight", "norm.bias"]


def test_lazy_modules_are_an_error_with_the_fix() -> None:
    with pytest.raises(
        ModelError, match=r"2 parameters have no shape yet: 0\.weight, 0\.bias.*Run the model once"
    ):
        index(nn.Sequential(nn.LazyLinear(3)))


def test_integer_parameters_and_the_meta_device() -> None:
    model = nn.Linear(3, 2, device="meta")
    model.weight = nn.Parameter(torch.zeros(2, 3, dtype=torch.int8), requires_grad=False)
    weight, bias = index(model)
    assert (weight.dtype, weight.trainable) == ("int8", False)
    assert (bias.dtype, bias.trainable) == ("float32", True)


@st.composite
def models(draw: st.DrawFn) -> nn.Module:
    made: list[nn.Module] = [nn.Linear(1, 1), nn.LayerNorm(1)]
    for _ in range(draw(st.integers(0, 6))):
        parts = draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=3))
        held = [made[part] for part in parts]
        made.append(nn.ModuleList(held) if draw(st.booleans()) else nn.Sequential(*held))
    return made[-1]


@given(models())
def test_the_first_names_are_torchs_and_every_name_leads_to_its_tensor(model: nn.Module) -> None:
    rows = index(model)
    assert [row.name for row in rows] == [name for name, _ in model.named_parameters()]
    everything = dict(model.named_parameters(remove_duplicate=False))
    assert dict(named_parameters(model)) == everything
    assert {name for row in rows for name in row.names} == set(everything)
    assert all(0 <= row.depth < row.levels for row in rows)
