"""Plans and explanations as plain data."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.cli.data import as_json, plain, plan_data

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.complex_numbers()
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner)
)


@given(values)
def test_any_value_is_strict_json(value: Any) -> None:
    text = as_json({"value": value})
    assert json.loads(text, parse_constant=refuse) == {"value": plain(value)}


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def test_rows_of_a_tensor_are_told_in_their_group() -> None:
    model = nn.Sequential(nn.Embedding(10, 2))
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("0.weight[8:]", lr_scale=10)])
    (group,) = plan_data(pg.plan(model, recipe), [], None)["groups"]
    assert group["settings"]["lr"] == 0.1
    assert group["settings"]["rows"] == [{"name": "0.weight", "start": 8, "stop": 10, "lr": 1.0}]
