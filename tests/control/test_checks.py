from typing import Any

import numpy as np
import pytest

from paramgroups.control import greedy, plateau
from paramgroups.control.checks import CHECKS, GUARD_CHECKS, count, label, metric, pair, plain, selector
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


NEGATIVE = {
    "score": "give a number above 0",
    "high": "give a number above 0",
    "low": "give a number above 0",
    "above": "give a number above 0",
    "times": "is a multiple of what was: give more than 1",
    "floor": "is a share of the planned rate: give 0 to 1",
    "ceiling": "is a multiple of the planned rate: give more than 1",
    "threshold": "give a number of at least 0",
}


@pytest.mark.parametrize("value", [-1, -0.5, np.float64(-2.0)], ids=str)
@pytest.mark.parametrize(("option", "said"), NEGATIVE.items(), ids=NEGATIVE)
def test_only_what_is_a_factor_is_called_one(option: str, said: str, value: Any) -> None:
    with pytest.raises(RuleError, match=rf"^{option}=.*{said}") as error:
        GUARD_CHECKS[option](option, value)
    assert "a factor" not in str(error.value)


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), "1", True], ids=str)
def test_what_is_no_finite_number_is_told_so(value: Any) -> None:
    with pytest.raises(RuleError, match=r"^floor=.* (it must be finite|is no number)"):
        CHECKS["floor"]("floor", value)
