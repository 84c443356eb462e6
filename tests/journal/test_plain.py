import json
from typing import Any

import pytest
from hypothesis import given

from paramgroups.errors import CheckpointError
from paramgroups.journal.plain import DEEPEST, jsonable, plain
from tests.journal.strategies import VALUES


class Real(float):
    """As numpy's float64: a float of another class."""


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


def test_lists_become_tuples_and_numbers_plain() -> None:
    assert plain("value", [1, (2.0, [None, True]), {"a": ["b"]}]) == (1, (2.0, (None, True)), {"a": ("b",)})
    assert type(plain("value", Real(0.5))) is float


def test_what_is_given_is_copied() -> None:
    given_ = {"steps": [1]}
    found = plain("value", given_)
    given_["steps"].append(2)
    assert found == {"steps": (1,)}


@given(VALUES)
def test_json_gives_plain_data_back(value: Any) -> None:
    found = plain("value", value)
    assert plain("value", json.loads(json.dumps(jsonable(found)))) == found


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), r"value=nan is not finite\. Give a number"),
        ([1.0, float("inf")], r"value\[1\]=inf is not finite"),
        (10**400, r"value=<?.*is not finite"),
        ({"a": {1}}, r"value\.a=\{1\} is a set, which is no plain data\. Give numbers"),
        ({1: "a"}, r"a key of value=1 is no text"),
        (b"x", r"value=b'x' is a bytes"),
        (nested(DEEPEST + 1), r"nested more than 8 deep\. Give flatter data"),
    ],
    ids=["nan", "inf", "huge", "set", "key", "bytes", "deep"],
)
def test_what_is_no_plain_data_is_refused(value: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        plain("value", value)


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CheckpointError, match="nested more than 8 deep"):
        plain("value", endless)
