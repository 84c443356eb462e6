"""The table of hyperparameters that a step reads."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from paramgroups.errors import OptimizerError
from paramgroups.optim.columns import Columns, part_of

OWNERS = np.array([0, 1, 1])


def groups(**second: Any) -> list[dict[str, Any]]:
    first = {"lr": 0.1, "betas": (0.9, 0.99)}
    return [first, first | second]


def test_a_row_for_each_segment() -> None:
    table = Columns(("lr", "beta2"), OWNERS).fill(groups(lr=0.5, betas=(0.9, 0.5)))
    assert table.tolist() == [[0.1, 0.99], [0.5, 0.5], [0.5, 0.5]]


def test_columns_of_others_are_left_alone() -> None:
    columns = Columns(("lr", "mu_product"), OWNERS, ("mu_product",))
    columns.table[:, 1] = 7
    assert columns.fill(groups())[:, 1].tolist() == [7, 7, 7]


@pytest.mark.parametrize("kind", ["float", "tensor", "list", "tensors in a tuple"])
def test_a_change_is_seen(kind: str) -> None:
    given = groups(lr=torch.tensor(0.5, dtype=torch.float64)) if kind == "tensor" else groups()
    if kind == "list":
        given[1]["betas"] = [0.9, 0.99]
    if kind == "tensors in a tuple":
        given[1]["betas"] = (0.9, torch.tensor(0.99, dtype=torch.float64))
    columns = Columns(("lr", "beta2"), OWNERS)
    columns.fill(given)
    if kind == "float":
        given[1]["lr"] = 0.75
        given[1]["betas"] = (0.9, 0.75)
    elif kind == "tensor":
        given[1]["lr"].fill_(0.75)
    elif kind == "list":
        given[1]["betas"][1] = 0.75
    else:
        given[1]["betas"][1].fill_(0.75)
    assert 0.75 in columns.fill(given)[2].tolist()
    assert columns.table[0].tolist() == [0.1, 0.99]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": math.nan}, "lr=nan in group 1: it must be a number, at least 0"),
        ({"lr": -1.0}, "lr=-1.0 in group 1"),
        ({"lr": None}, "lr=None in group 1"),
        ({"lr": torch.ones(2)}, "lr=None in group 1"),
        ({"betas": (0.9, 1.0)}, "beta2=1.0 in group 1: it must be a number, from 0 to below 1"),
        ({"betas": (0.9,)}, "beta2="),
        ({"betas": "0.9"}, "beta2="),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_out_of_its_domain(change: dict[str, Any], message: str) -> None:
    columns = Columns(("lr", "beta2"), OWNERS)
    columns.fill(groups())
    before = columns.table.copy()
    with pytest.raises(OptimizerError, match=message):
        columns.fill(groups(**change))
    np.testing.assert_array_equal(columns.table, before)


def test_a_group_that_is_not_stepped_is_not_read() -> None:
    table = Columns(("lr",), np.array([0])).fill(groups(lr=math.nan))
    assert table.tolist() == [[0.1]]


def test_switches_are_numbers() -> None:
    assert Columns(("maximize",), np.array([0, 1])).fill(
        [{"maximize": True}, {"maximize": False}]
    ).tolist() == [
        [1.0],
        [0.0],
    ]


def test_part_of() -> None:
    assert part_of((0.9, 0.99), "beta1") == 0.9
    assert part_of(torch.tensor(0.5), "lr") == 0.5
    assert part_of((0.9,), "beta2") is None
