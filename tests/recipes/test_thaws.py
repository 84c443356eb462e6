"""What the ready-made rules of freezing give their windows."""

import pytest

from paramgroups.recipes import MAKERS, ChainThaw, GradualUnfreezing
from paramgroups.recipes.thaws import Moment
from paramgroups.rules import RowValue
from tests.select.models import row

ROWS = [row(f"p{depth}", depth=depth) for depth in (0, 3, 4, 9)]


@pytest.mark.parametrize(
    ("value", "thaws"),
    [
        (GradualUnfreezing(every=5), [15, 10, 5, 0]),
        (GradualUnfreezing(every=5, order="bottom_up", start=2), [2, 7, 12, 17]),
        (GradualUnfreezing("2 epochs", start="0.5 epoch"), [f"{n}.5 epochs" for n in (6, 4, 2, 0)]),
        (GradualUnfreezing(every="40%"), ["100%", "80%", "40%", "0%"]),
        (GradualUnfreezing(every="7 steps"), ["21 steps", "14 steps", "7 steps", "0 steps"]),
        (GradualUnfreezing(over="30%"), ["30%", "20%", "10%", "0%"]),
        (GradualUnfreezing(over=10, start=3), [10, 8, 5, 3]),
    ],
    ids=repr,
)  # fmt: skip
def test_when_each_level_thaws(value: RowValue, thaws: list[object]) -> None:
    assert value.resolve(ROWS) == thaws
    assert value.resolve(ROWS[::-1]) == thaws[::-1]


@pytest.mark.parametrize(
    ("moment", "ticks"), [("turn", [5, 10, 15, 0]), ("rest", [10, 15, 20, 5]), ("all", [20, 20, 20, 20])]
)
def test_the_turns_of_a_chain(moment: Moment, ticks: list[int]) -> None:
    assert ChainThaw(5, moment).resolve(ROWS) == ticks


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (GradualUnfreezing(every="1 epoch", start="2 epochs"), "gradual_unfreezing(every='1 epoch')"),
        (GradualUnfreezing(over="30%", order="bottom_up"), "gradual_unfreezing(over='30%')"),
        (ChainThaw("10%", "rest"), "chain_thaw('10%')"),
    ],
    ids=repr,
)
def test_what_they_are_called_and_how_they_are_saved(value: RowValue, label: str) -> None:
    assert value.label == label
    assert value.where(ROWS[1]) == value.word(ROWS[1], 7) == "depth 3"
    assert not value.opaque
    said = value.to_data()
    assert MAKERS.values[said.pop("use")](**said) == value


def test_no_rows_have_no_thaws() -> None:
    assert GradualUnfreezing(every=5).resolve([]) == ChainThaw(5).resolve([]) == []
