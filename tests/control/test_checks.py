import pytest

from paramgroups.control.checks import count, label, metric, pair, plain
from paramgroups.errors import RuleError


def test_what_is_well_said_is_taken() -> None:
    assert count("patience", 3) == 3
    assert metric("metric", "val/loss") == "val/loss"
    assert label("label", "halve on a spike × 2") == "halve on a spike × 2"
    assert pair((1, 2)) == (1, 2)


def test_plain_data_are_as_json_gives_them_back() -> None:
    assert plain("state", {"a": (1, 2.5, None), 3: True}) == {"a": [1, 2.5, None], "3": True}
    assert plain("state", 0.1 + 0.2) == 0.1 + 0.2


def test_what_is_too_deep_is_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RuleError, match="which JSON cannot hold"):
        plain("state", deep)
