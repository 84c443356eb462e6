"""Names cut into columns of segments."""

from hypothesis import given
from hypothesis import strategies as st

from paramgroups.indexing.spelling import spelling

NAMES = st.lists(st.text(alphabet="ab.\x00é", max_size=8), max_size=12)


@given(NAMES)
def test_the_columns_spell_the_names(names: list[str]) -> None:
    spelt = spelling(names, range(len(names)))
    words = {number: word for word, number in spelt.words.items()}
    rows = [[words[number] for number in column if number] for column in spelt.columns.T.tolist()]
    assert [".".join(row) for row in rows] == names


def test_a_name_that_has_ended_is_zero() -> None:
    spelt = spelling(["a.b.a", "b"], [7, 3])
    assert spelt.words == {"a": 1, "b": 2}
    assert spelt.columns.tolist() == [[1, 2], [2, 0], [1, 0]]
    assert spelt.positions.tolist() == [7, 3]


def test_more_names_than_one_chunk() -> None:
    names = [f"layer.{n}.weight" for n in range(2000)]
    spelt = spelling(names, range(2000))
    assert spelt.columns.shape == (3, 2000)
    assert len(spelt.words) == 2002
