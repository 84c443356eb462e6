"""The index as a container of rows."""

import pytest
from torch import nn

from paramgroups.errors import ModelError
from paramgroups.indexing import Index, index
from paramgroups.indexing.reading import index_with_tensors


@pytest.fixture
def rows() -> Index:
    return index(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)))


def test_it_iterates_over_rows_and_finds_them_by_name(rows: Index) -> None:
    assert [row.name for row in rows] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert rows["1.weight"].module_type == "LayerNorm"
    assert "0.bias" in rows
    assert "0" not in rows
    assert rows.position("1.bias") == 3


def test_a_name_that_is_not_there_is_an_error_that_names_the_nearest(rows: Index) -> None:
    with pytest.raises(
        ModelError, match=r'"0\.wieght" is no parameter of the model.*4 parameters.*"0\.weight"'
    ):
        rows["0.wieght"]


def test_columns_are_arrays_in_the_order_of_the_rows(rows: Index) -> None:
    assert rows.column("numel").tolist() == [6, 3, 3, 3]
    assert rows.column("ndim").tolist() == [2, 1, 1, 1]
    assert rows.column("numel") is rows.column("numel")


def test_equal_models_have_equal_indexes() -> None:
    first, second = index(nn.Linear(2, 3)), index(nn.Linear(2, 3))
    assert first == second
    assert hash(first) == hash(second)
    assert first != index(nn.Linear(2, 4))
    assert repr(first) == "<Index of 2 parameters>"


def test_the_tensors_of_the_rows_come_with_them() -> None:
    model = nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 4, bias=False))
    model[1].weight = model[0].weight
    rows, tensors = index_with_tensors(model)
    assert list(rows) == list(index(model))
    assert list(tensors) == ["0.weight"]
    assert tensors["0.weight"] is model[0].weight
