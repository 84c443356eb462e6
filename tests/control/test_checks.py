import pytest

from paramgroups.control import greedy, plateau
from paramgroups.control.checks import count, label, metric, pair, plain, selector
from paramgroups.errors import RuleError, SelectorError


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


def test_what_is_no_name_is_told_with_a_name_of_its_kind() -> None:
    with pytest.raises(RuleError, match=r'metric=5: give a name, such as metric="val_loss"\.'):
        plateau("head", 5)  # type: ignore[arg-type]  # a user's mistake
    with pytest.raises(RuleError, match=r"label=' ': give a name, such as label=\"my guard\"\."):
        label("label", " ")


def test_what_is_no_selector_is_told_with_one() -> None:
    with pytest.raises(SelectorError, match=r'selector=5 is no selector\. Write .* selector="head"\.'):
        greedy(5, "loss")  # type: ignore[arg-type]  # a user's mistake
    assert selector("selector", "head").text == "head"
