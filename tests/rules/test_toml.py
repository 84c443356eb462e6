import tomllib
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import RuleError
from paramgroups.rules.toml import dump
from tests.rules.strategies import TEXTS

SCALARS = st.booleans() | TEXTS | st.floats(allow_nan=False) | st.integers()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
TABLES = st.dictionaries(TEXTS.filter(lambda key: key != "rules"), VALUES, max_size=5)


@given(TABLES, st.lists(TABLES, max_size=3))
def test_what_is_written_is_read(table: dict[str, Any], rules: list[dict[str, Any]]) -> None:
    found = tomllib.loads(dump(table | {"rules": rules}))
    assert found == (table | {"rules": rules} if rules else table)


def test_it_reads_as_a_person_would_write_it() -> None:
    data = {
        "lr": 3e-4,
        "schedule": [{"use": "warmup", "length": "5%"}, {"use": "cosine"}],
        "rules": [{"select": ":norm | :bias", "weight_decay": 0.0}, {"select": "head", "eps": (1e-8, True)}],
    }
    assert dump(data) == (
        "lr = 0.0003\n"
        'schedule = [{ use = "warmup", length = "5%" }, { use = "cosine" }]\n'
        "\n"
        "[[rules]]\n"
        'select = ":norm | :bias"\n'
        "weight_decay = 0.0\n"
        "\n"
        "[[rules]]\n"
        'select = "head"\n'
        "eps = [1e-08, true]\n"
    )


def test_numbers_keep_their_kind() -> None:
    numbers = {"a": 1, "b": 1.0, "c": 2**64, "d": 5e-324, "e": 1e22, "f": inf, "g": -inf, "h": True}
    found = tomllib.loads(dump(numbers))
    assert found == numbers
    assert [type(value) for value in found.values()] == [int, float, int, *[float] * 4, bool]
    assert str(tomllib.loads(dump({"zero": -0.0}))["zero"]) == "-0.0"
    assert dump({"nan": float("nan")}) == "nan = nan\n"


def test_none_has_a_word() -> None:
    assert dump({"foreach": None}) == 'foreach = { use = "none" }\n'


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_character_is_refused(text: str) -> None:
    for data in ({"key": text}, {text: 1}, {"rules": [{"key": [text]}]}):
        with pytest.raises(RuleError, match=r"holds half of a character, which no file can") as caught:
            dump(data)
        assert str(caught.value).isascii()


@pytest.mark.parametrize("value", [b"bytes", object(), len, {1}, 1j])
def test_what_is_no_data_is_refused(value: Any) -> None:
    with pytest.raises(
        RuleError, match=r"^key=.* is no data: a file holds numbers, text, switches and lists"
    ):
        dump({"key": {"within": [value]}})
