"""The shortest selector of given names finds exactly these, and reads well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import ModelError, SelectorError
from paramgroups.indexing import Index
from paramgroups.select import parse
from paramgroups.select.covering import cover
from tests.select.models import INDEX, ROWS, row

NAMES = [one.name for one in INDEX]
BLOCKS = Index(
    [
        row("embed.weight", roles=("embedding", "weight"), module_type="Embedding"),
        *(
            row(
                f"blocks.{number}.{layer}.{key}",
                (4, 8)[: 2 - (key == "bias")],
                roles=(role,),
                depth=number + 1,
            )
            for number in range(12)
            for layer in ("norm", "linear")
            for key, shape, role in (("weight", (4, 8), layer), ("bias", (4,), "bias"))
        ),
        row("head.weight", roles=("head", "weight"), depth=13),
        row("head.bias", (4,), roles=("head", "bias"), depth=13),
    ]
)

words = st.sampled_from(["a", "b", "0", "1", "2", "3", "10", "01", "weight", "bias", "a:b", "x y", "é"])
names = st.lists(words, min_size=1, max_size=4).map(".".join)
roles = st.sampled_from([("norm", "weight"), ("bias",), ("embedding", "weight"), ("linear", "weight")])


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    """Any index that a model may have: odd names, several towers, ties; no name is also a module's."""
    drawn = draw(st.lists(names, min_size=1, max_size=12, unique=True))
    found = [name for name in drawn if not any(other.startswith(f"{name}.") for other in drawn)]
    ties = draw(st.integers(0, min(2, len(found) - 1)))
    rows = [
        row(
            name,
            draw(st.sampled_from([(), (4,), (4, 8)])),
            aliases=(found[-1 - place],) if place < ties else (),
            roles=draw(roles),
            depth=draw(st.integers(0, 3)),
            tower=draw(st.sampled_from(["", "", "", "text"])),
        )
        for place, name in enumerate(found[: len(found) - ties])
    ]
    return Index(rows)


@given(st.data())
def test_a_cover_finds_exactly_what_was_asked_for_and_its_text_says_it_all(data: st.DataObject) -> None:
    index = data.draw(indexes())
    asked = data.draw(st.sets(st.sampled_from([one.name for one in index]), min_size=1))
    found = cover(asked, index)
    assert set(found.select(index).names) == asked
    assert not found.select(index).rows
    assert parse(found.text) == found


@given(st.data())
def test_what_is_free_may_be_found_and_nothing_else(data: st.DataObject) -> None:
    index = data.draw(indexes())
    known = st.sampled_from([one.name for one in index])
    asked, free = data.draw(st.sets(known, min_size=1)), data.draw(st.sets(known))
    found = set(cover(asked, index, free=free).select(index).names)
    assert asked <= found <= asked | free


def within(prefix: str, index: Index = BLOCKS) -> list[str]:
    return [one.name for one in index if one.name.startswith(prefix)]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ([one.name for one in BLOCKS], "**"),
        (within("head"), "head"),
        (within("blocks.1."), "blocks.1"),
        (within("blocks"), "blocks"),
        ([*within("blocks.1."), *within("blocks.2.")], "blocks.{1,2}"),
        ([name for number in range(6) for name in within(f"blocks.{number}.")], "blocks.{0..5}"),
        ([f"blocks.{number}.linear.weight" for number in (0, 1, 2, 7)], "blocks.{0..2,7}.linear.weight"),
        ([name for name in within("blocks") if ".linear." in name], "blocks.*.linear"),
        ([one.name for one in BLOCKS if "bias" in one.roles], ":bias"),
        ([one.name for one in BLOCKS if one.roles & {"bias", "norm"}], ":norm | :bias"),
        ([one.name for one in BLOCKS if not one.roles & {"bias", "norm"}], "~(:norm | :bias)"),
        ([one.name for one in BLOCKS if "head" not in one.roles], "~head"),
        ([one.name for one in BLOCKS if "bias" in one.roles and "head" not in one.roles], ":bias - head"),
        ([*within("head"), *within("embed")], "~blocks"),
        ([*within("blocks.3."), *within("embed")], "embed | blocks.3"),
        (["head.bias"], "head.bias"),
    ],
)
def test_a_cover_reads_as_one_would_write_it(asked: list[str], text: str) -> None:
    assert cover(asked, BLOCKS).text == text


def test_layer1_is_not_layer10() -> None:
    asked = within("encoder.layer.1.", INDEX)
    assert cover(asked, INDEX).text == "encoder.layer.1"


def test_a_tied_tensor_is_asked_for_by_any_name() -> None:
    assert cover(["lm_head.weight"], INDEX).select(INDEX).names == ("embed.weight",)


def test_a_module_with_an_alias_of_another_tensor_is_not_taken_whole() -> None:
    tied = Index([row("embed.weight", aliases=("head.weight",)), row("head.bias", (3,))])
    assert cover(["head.bias"], tied).select(tied).names == ("head.bias",)


def test_what_is_free_makes_it_shorter() -> None:
    asked = [name for name in within("blocks.3.") if "norm" not in name]
    assert cover(asked, BLOCKS).text == "blocks.3.linear"
    assert cover(asked, BLOCKS, free=within("blocks.3.norm")).text == "blocks.3"


def test_no_names_are_refused() -> None:
    with pytest.raises(SelectorError, match="one name or more"):
        cover([], INDEX)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError, match=r'Nearest: "head.weight"'):
        cover(["head.wieght"], INDEX)


def test_all_rows_of_the_hand_made_index_are_covered_one_by_one() -> None:
    assert [cover([name], INDEX).select(INDEX).names for name in NAMES] == [(one.name,) for one in ROWS]
