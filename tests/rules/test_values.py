import math
from typing import Any

import pytest
from torch import nn

from paramgroups.errors import RuleError
from paramgroups.indexing import Row, index
from paramgroups.rules import Table, per_parameter
from paramgroups.rules.values import to_data


@pytest.fixture
def rows() -> list[Row]:
    return list(index(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))))


def test_a_function_of_the_row(rows: list[Row]) -> None:
    value = per_parameter("1/fan_in", lambda row: 1 / row.fan_in)
    assert value.resolve(rows) == [1 / 4, 1, 1 / 8, 1]
    assert value.label == "1/fan_in"
    assert value.opaque
    assert value.where(rows[0]) == "0.weight"
    assert value.word(rows[0], 0.25) == "1/fan_in 0.25"
    assert value.word(rows[0], "a") == "1/fan_in a"


def test_a_function_that_fails_is_told_with_the_parameter(rows: list[Row]) -> None:
    with pytest.raises(
        RuleError, match=r'per_parameter\("odd"\) raised ZeroDivisionError for "0.weight": division.*return a'
    ):
        per_parameter("odd", lambda row: row.fan_in / 0).resolve(rows)


@pytest.mark.parametrize(
    ("label", "fn", "message"),
    [
        ("", math.sqrt, r"label=''\): give it a name"),
        (" ", math.sqrt, "give it a name"),
        (math.sqrt, "label", r"label=<built-in function sqrt>\): give"),
        ("mine", 0.1, r'per_parameter\("mine", 0.1\): give a function of the row'),
    ],
)
def test_what_is_no_function_of_the_row(label: Any, fn: Any, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        per_parameter(label, fn)


def test_a_function_is_no_data() -> None:
    with pytest.raises(RuleError, match=r'"mine"\) is a function, and a function is no data. Plan first'):
        to_data(per_parameter("mine", len))


def test_a_table_gives_the_value_of_each_name(rows: list[Row]) -> None:
    table = Table("mine", (("1.weight", 3.0), ("0.weight", 2.0), ("more", 9.0)))
    assert table.resolve([rows[0], rows[2]]) == [2.0, 3.0]
    assert to_data(table) == {
        "use": "table",
        "label": "mine",
        "opaque": True,
        "values": {"1.weight": 3.0, "0.weight": 2.0, "more": 9.0},
    }


def test_a_table_without_a_name_is_for_another_model(rows: list[Row]) -> None:
    with pytest.raises(RuleError, match=r'table "mine" has no value for 0.bias, 1.weight, 1.bias\. It was'):
        Table("mine", (("0.weight", 1.0),)).resolve(rows)


def test_a_plain_value_is_its_own_data() -> None:
    assert [to_data(value) for value in (0.1, None, (1, "a"))] == [0.1, None, (1, "a")]
