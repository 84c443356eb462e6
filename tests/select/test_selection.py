"""Selections: whole tensors, and rows of some."""

import numpy as np
import pytest

from paramgroups.errors import SelectorError
from paramgroups.indexing import Index
from paramgroups.select import Selection, parse
from tests.select.models import row

INDEX = Index(
    [row("embed.weight", (100, 8)), row("scale", ()), row("head.weight", (3, 8)), row("none", (0, 4))]
)


def select(text: str) -> Selection:
    return parse(text).select(INDEX)


def test_rows_to_the_end() -> None:
    found = select("embed.weight[32:]")
    assert found.rows == {0: ((32, 100),)}
    assert not found.whole.any()
    assert len(found) == 1
    assert found.names == ("embed.weight",)


def test_the_complement_of_rows_is_the_other_rows_and_all_else() -> None:
    rest = ~select("embed.weight[32:]")
    assert rest.rows == {0: ((0, 32),)}
    assert rest.whole.tolist() == [False, True, True, True]
    assert len(rest) == 4


def test_rows_that_cover_a_tensor_are_the_whole_of_it() -> None:
    assert select("embed.weight[:60] | embed.weight[60:]") == select("embed.weight")
    assert select("embed.weight[:]") == select("embed.weight")
    assert select("embed.weight[-1000:1000]") == select("embed.weight")


@pytest.mark.parametrize(
    "text", ["embed.weight[100:]", "embed.weight[60:40]", "embed.weight[:0]", "none[0:]"]
)
def test_rows_that_are_not_there_are_nothing(text: str) -> None:
    found = select(text)
    assert not found
    assert found.rows == {}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("embed.weight[-10:]", ((90, 100),)),
        ("embed.weight[:-90]", ((0, 10),)),
        ("embed.weight[90:1000]", ((90, 100),)),
        ("embed.weight - embed.weight[10:90]", ((0, 10), (90, 100))),
        ("embed.weight[10:90][50:]", ((50, 90),)),
        ("embed[0:10] | embed[5:20] | embed[20:21]", ((0, 21),)),
        ("(embed[0:10] | embed[50:60])[5:55]", ((5, 10), (50, 55))),
    ],
)
def test_rows_are_counted_as_python_counts(text: str, rows: tuple[tuple[int, int], ...]) -> None:
    assert select(text).rows == {0: rows}


def test_rows_of_a_whole_model_leave_out_what_has_none() -> None:
    found = select("[0:2]")
    assert found.rows == {0: ((0, 2),), 2: ((0, 2),)}
    assert found.names == ("embed.weight", "head.weight")


def test_rows_of_a_single_number_are_an_error_that_names_it() -> None:
    with pytest.raises(SelectorError, match=r'\[1:\] asks for rows of "scale", which is a single number'):
        select("scale[1:]")
    assert not select("nothing[1:]")


def test_a_tensor_under_several_names_is_one_parameter() -> None:
    tied = Index([row("embed.weight", (10, 2), aliases=("head.weight",)), row("head.bias", (10,))])
    assert parse("head").select(tied).whole.tolist() == [True, True]
    assert parse("embed[0:5] & head.weight[3:]").select(tied).rows == {0: ((3, 5),)}
    assert len(parse("embed | head.weight").select(tied)) == 1


def test_selections_are_equal_by_what_they_hold() -> None:
    assert select("embed") == select("embed.*")
    assert select("embed") != select("embed[1:]")
    assert select("embed") != parse("embed").select(Index(INDEX.rows[:2]))
    assert select("embed") != 3


def test_a_selection_cannot_be_changed_by_its_mask() -> None:
    mask = np.ones(4, dtype=np.bool_)
    selection = Selection(INDEX, mask)
    mask[:] = False
    assert len(selection) == 4
    with pytest.raises(ValueError, match="read-only"):
        selection.whole[0] = False


def test_a_selection_tells_how_much_it_holds() -> None:
    assert repr(select("embed[1:] | head")) == "<Selection of 2 of 4 parameters, 1 of them in part>"
