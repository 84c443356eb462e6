"""Selectors against their slow twin, their text, and their algebra."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import SelectorError
from paramgroups.indexing import Index, Row
from paramgroups.select import Selector, as_selector, parse, where
from tests.select.models import INDEX, ROWS, row
from tests.select.strategies import selectors
from tests.select.twin import atoms, everything, found

PINS = {
    "rms": {one.name: float("nan") if one.ndim == 0 else one.numel / 10 for one in ROWS},
    "mean": {one.name: float(one.depth) for one in ROWS},
}


def names(text: str) -> set[str]:
    return set(parse(text).select(INDEX).names)


@given(selectors)
def test_a_selection_is_what_the_slow_twin_finds(selector: Selector) -> None:
    assert atoms(selector.select(INDEX, PINS)) == found(selector.node, INDEX, PINS)


@given(selectors)
def test_the_text_of_a_selector_is_read_as_the_same_selector(selector: Selector) -> None:
    assert parse(selector.text) == selector
    assert parse(selector.text).text == selector.text
    assert hash(parse(selector.text)) == hash(selector)


@given(selectors)
def test_a_repr_pastes_back(selector: Selector) -> None:
    assert eval(repr(selector), {"parse": parse}) == selector  # noqa: S307 - that is what pasting does


@given(selectors, selectors)
def test_the_laws_of_sets_hold(a: Selector, b: Selector) -> None:
    def of(selector: Selector) -> object:
        return selector.select(INDEX, PINS)

    assert of(~(a | b)) == of(~a & ~b)
    assert of(~(a & b)) == of(~a | ~b)
    assert of(a - b) == of(a & ~b)
    assert of(~~a) == of(a)
    assert atoms((a | ~a).select(INDEX, PINS)) == everything(INDEX)
    assert not (a - a).select(INDEX, PINS)


@given(selectors, selectors)
def test_operators_on_selectors_are_operators_on_selections(a: Selector, b: Selector) -> None:
    left, right = a.select(INDEX, PINS), b.select(INDEX, PINS)
    assert (a | b).select(INDEX, PINS) == left | right
    assert (a - b).select(INDEX, PINS) == left - right
    assert (~a).select(INDEX, PINS) == ~left


def test_text_stands_on_either_side_of_an_operator() -> None:
    bias = parse(":bias")
    assert "encoder" & bias == parse("encoder & :bias")
    assert "encoder" | bias == parse("encoder | :bias")
    assert "encoder" - bias == parse("encoder - :bias")
    assert bias & "encoder" == parse(":bias & encoder")
    assert ~bias == parse("~:bias")


def test_both_is_written_side_by_side_where_that_can_be_read() -> None:
    assert (parse("encoder") & ":bias" & "[ndim==1]").text == "encoder:bias[ndim==1]"
    assert (parse(":bias") & "encoder").text == ":bias & encoder"
    assert (~parse("encoder:bias")).text == "~encoder:bias"
    assert (~parse("encoder & layer")).text == "~(encoder & layer)"
    assert ((parse("a") | "b") & ":bias").text == "(a | b) & :bias"


def test_a_selector_remembers_how_it_was_written() -> None:
    written = "encoder  &  :bias"
    assert parse(written).written == written
    assert parse(written).text == "encoder:bias"
    assert parse(written) == parse("encoder:bias")
    assert (~parse(written)).written == "~encoder:bias"


def test_as_selector_takes_either() -> None:
    selector = parse("head")
    assert as_selector(selector) is selector
    assert as_selector("head") == selector
    with pytest.raises(SelectorError, match="A selector is text"):
        as_selector(3)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(SelectorError, match="A selector is text"):
        selector & None  # type: ignore[operator]  # the mistake


def test_many_parts_are_no_deep_nest() -> None:
    selector = parse(" | ".join(f"x{n}" for n in range(3000)) + " | head")
    assert selector.select(INDEX).names == ("head.weight", "head.bias")
    assert parse(selector.text) == selector


def test_a_deep_nest_is_an_error() -> None:
    selector = parse("a")
    for _ in range(25):
        selector = ~(selector | "b")
    with pytest.raises(SelectorError, match="nests parts more than 50 deep"):
        ~selector  # noqa: B018 - it is the making that fails


def test_the_deepest_nest_is_still_read() -> None:
    selector = parse("a")
    for _ in range(25):
        selector = ~(selector | "b")
    assert parse(selector.text) == selector


def test_a_users_function_makes_the_whole_opaque() -> None:
    selector = parse("encoder") - where("wide", lambda one: one.fan_out > 4)
    assert selector.opaque
    assert selector.text == "encoder - where(wide)"
    assert repr(selector) == "<Selector encoder - where(wide)>"
    assert not parse("encoder").opaque


def test_a_users_function_sees_rows() -> None:
    assert where(lambda one: one.ndim == 0).select(INDEX).names == ("logit_scale",)


def test_a_users_function_that_fails_is_told_with_its_row() -> None:
    def broken(one: Row) -> bool:
        return bool(1 // len(one.shape))

    with pytest.raises(SelectorError, match=r'where\(broken\) failed on "logit_scale": ZeroDivisionError'):
        where(broken).select(INDEX)


def test_statistics_are_read_from_pins_by_canonical_name() -> None:
    index = Index([row("a"), row("b"), row("c")])
    selector = parse("~[rms>0.5]")
    assert selector.statistics == {"rms"}
    assert selector.select(index, {"rms": {"a": 0.4, "b": 0.6, "c": float("nan")}}).names == ("a", "c")


@pytest.mark.parametrize("pins", [{}, {"rms": {"a": 1.0}}])
def test_a_statistic_without_values_is_an_error_with_the_fix(pins: dict[str, dict[str, float]]) -> None:
    with pytest.raises(
        SelectorError, match=r"no rms is known of .*b.* meta device has no values; plan the real one"
    ):
        parse("[rms>0.5]").select(Index([row("a"), row("b")]), pins)


def test_selectors_are_copied_and_pickled() -> None:
    selector = parse("encoder.{0..5}:bias - embed[2:]")
    assert pickle.loads(pickle.dumps(selector)) == selector  # noqa: S301 - our own
    assert copy.deepcopy(selector) == selector


@pytest.mark.parametrize(
    "text", ["**", "*", ":weight | :bias", "[ndim>=0]", "/.*/", "@Module", "[rms>0]", "[0:5]"]
)
def test_an_empty_index_has_no_matches(text: str) -> None:
    assert not parse(text).select(Index([]), {"rms": {}})


def read(text: str) -> None:
    try:
        selector = parse(text)
    except SelectorError as error:
        message = str(error)
    else:
        message = "^"
        assert parse(selector.text) == selector
    assert b"^" in message.encode()


@given(st.text())
def test_any_text_is_a_selector_or_an_error(text: str) -> None:
    read(text)


@given(st.text(alphabet="ab01.*{},\"'\\/[]()~&|-: @<>=!é\x00\n", max_size=30))
def test_any_text_of_the_languages_own_signs_is_a_selector_or_an_error(text: str) -> None:
    read(text)


PARTS = [
    "a", "b.c", "**", "*", ".", "..", ":bias", "@X", "[0:5]", "[ndim==2]", "[", "]", "(", ")", "~", " - ",
    "|", " ", "{a,b}", "{0..5}", "{", "}", "/x/", '"q"', "-", "1e9", "[rms>1]", "&",
]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=12))
def test_any_row_of_parts_is_a_selector_or_an_error(parts: list[str]) -> None:
    read("".join(parts))
