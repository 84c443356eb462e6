from typing import Any

import pytest

from paramgroups.errors import shown

ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    "value",
    [10**5000, "x" * 10**6, list(range(10**6)), ENDLESS],
    ids=["an int", "a text", "a list", "a list that holds itself"],
)
def test_what_is_shown_is_short_whatever_it_is(value: object) -> None:
    assert len(shown(value)) <= 120


def test_what_is_short_is_shown_as_it_is_written() -> None:
    assert shown({"a": (1, None)}) == "{'a': (1, None)}"
    assert shown(10**5000) == "<int>"
