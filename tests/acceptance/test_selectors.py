"""The selector language: each sentence of the design, and the plausible calls of its object form."""

from collections.abc import Callable

import pytest
from torch import nn

import paramgroups as pg
from paramgroups.select import Selector
from tests.acceptance.models import Net, planned, small


class Odd(nn.Module):
    """Names that a sloppy match confuses."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)
        self.decode_head = nn.Linear(2, 2)
        self.layer1 = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        self.layer10 = nn.Linear(2, 2)
        self.attn = nn.ModuleDict({word: nn.Linear(2, 2, bias=False) for word in ("q", "k", "v")})
        self.parts = nn.ModuleDict({"a:b": nn.Linear(2, 2, bias=False)})


def hit(selector: str | Selector, model: nn.Module | None = None) -> set[str]:
    plan = planned(pg.rule(selector, lr=7.0, missing="ignore"), model=model or Odd())
    return {row.name for row in plan.rows if row.lr == 7.0}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("head", {"head.weight", "head.bias"}),
        ("head.weight", {"head.weight"}),
        ("layer1", {"layer1.0.weight", "layer1.0.bias", "layer1.1.weight", "layer1.1.bias"}),
        ("layer1.*.bias", {"layer1.0.bias", "layer1.1.bias"}),
        ("*.weight", {"head.weight", "decode_head.weight", "layer10.weight"}),
        ("**.k.weight", {"attn.k.weight"}),
        ("attn.{q,k}", {"attn.q.weight", "attn.k.weight"}),
        ("layer1.{0..1}.bias", {"layer1.0.bias", "layer1.1.bias"}),
        ('parts."a:b"', {"parts.a:b.weight"}),
        ("layer1:bias", {"layer1.0.bias", "layer1.1.bias"}),
        ("layer1.**[ndim==2]", {"layer1.0.weight", "layer1.1.weight"}),
        ("head - :bias", {"head.weight"}),
        ("(head | layer10) & :bias", {"head.bias", "layer10.bias"}),
        ("head | layer10 & :bias", {"head.weight", "head.bias", "layer10.bias"}),
        ("head - :bias | layer10.bias", {"head.weight", "layer10.bias"}),
        ("~[ndim==2] & head", {"head.bias"}),
        ("head & layer10 | attn.q", {"attn.q.weight"}),
        ("layer1 - layer1.0 & :bias", {"layer1.0.weight", "layer1.1.weight", "layer1.1.bias"}),
    ],
)
def test_the_text_form(text: str, found: set[str]) -> None:
    assert hit(text) == found


@pytest.mark.parametrize(
    ("called", "text"),
    [
        (lambda: pg.select.parse("head:bias"), "head:bias"),
        (lambda: pg.select.name("blocks.*.norm"), "blocks.*.norm"),
        (lambda: pg.select.regex(r"blocks\.[01]\..*bias"), "blocks.{0..1}.**:bias"),
        (lambda: pg.select.role("norm"), ":norm"),
        (lambda: pg.select.type("LayerNorm"), "@LayerNorm"),
        (lambda: pg.select.type(nn.LayerNorm), "@LayerNorm"),
        (lambda: pg.select.depth(">=4"), "[depth>=4]"),
        (lambda: pg.select.depth(">=", 4), "[depth>=4]"),
        (lambda: pg.select.depth(4), "[depth==4]"),
        (lambda: pg.select.ndim(2), "[ndim==2]"),
        (lambda: pg.select.ndim("==2"), "[ndim==2]"),
        (lambda: pg.select.ndim(">=", 2), "[ndim>=2]"),
        (lambda: pg.select.stat("rms", ">", 0.5), "[rms>0.5]"),
        (lambda: pg.select.stat("rms", ">0.5"), "[rms>0.5]"),
        (lambda: pg.select.where(lambda row: row.fan_in >= 8), "[fan_in>=8]"),
        (lambda: pg.select.where("wide", lambda row: row.fan_in >= 8), "[fan_in>=8]"),
        (lambda: pg.select.role("norm") | pg.select.role("bias"), ":norm | :bias"),
        (lambda: pg.select.name("blocks") - pg.select.role("bias"), "blocks - :bias"),
        (lambda: pg.select.name("blocks") & ":bias", "blocks:bias"),
        (lambda: ~pg.select.name("embed"), "~embed"),
    ],
)
def test_the_object_form_finds_what_the_text_finds(called: Callable[[], Selector], text: str) -> None:
    model = Net()
    assert hit(called(), model) == hit(text, model) != set()


@pytest.mark.parametrize(
    "called",
    [
        lambda: pg.select.rows("embed.weight", 32_000, None),
        lambda: pg.select.rows("embed.weight", 32_000),
        lambda: pg.select.rows(pg.select.name("embed.weight"), 32_000, 32_064),
        lambda: "embed.weight[32000:]",
        lambda: "embed.weight[-64:]",
    ],
)
def test_rows_of_dimension_0(called: Callable[[], Selector | str]) -> None:
    row = planned(pg.rule(called(), lr_scale=10), model=Net())["embed.weight"]
    (part,) = row.parts
    assert (part.start, part.stop, part.values["lr"], row.lr) == (32_000, 32_064, 1.0, 0.1)


def test_a_repr_pastes_back() -> None:
    names = {"parse": pg.select.parse}
    for text in ("head:bias", "a | b & c", "~(a | b)", "embed.weight[32000:]", "[rms>0.5]", '"a:b".c'):
        selector = pg.select.parse(text)
        assert eval(repr(selector), names) == selector  # noqa: S307  # that is what is promised


def test_a_type_or_a_base_of_it() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    assert hit("@BatchNorm2d", model) == hit("@_BatchNorm", model) == {"1.weight", "1.bias"}


def test_a_word_with_its_sign_means_the_word_or_is_refused() -> None:
    """`:norm` and `@LayerNorm` are how the text form has them: copied into a call they mean nothing else."""
    for call, text in ((pg.select.role, ":norm"), (pg.select.type, "@LayerNorm")):
        try:
            selector = call(text)
        except pg.ParamGroupsError:
            continue
        assert selector == pg.select.parse(text)


@pytest.mark.parametrize("text", ["head[", "(a | b", "a - ", ":nrom", "[depth=>6]", "{a", "a..b", "a b", ""])
def test_a_parser_error_has_a_caret_under_the_place(text: str) -> None:
    with pytest.raises(pg.ParamGroupsError) as error:
        pg.rule(text, lr=1.0)
    assert "^" in str(error.value).splitlines()[-1]


def test_rows_that_are_not_there_say_how_many_there_are() -> None:
    with pytest.raises(pg.ParamGroupsError, match=r"\b8\b"):
        planned(pg.rule("0.weight[100:]", lr=1.0), model=small())


def test_an_index_is_asked_by_name_and_nothing_else_is_a_python_error() -> None:
    index = pg.index(small())
    assert index["0.weight"].fan_in == 4
    for asked in ("0.weigth", 0, None):
        with pytest.raises(pg.ParamGroupsError):
            index[asked]  # type: ignore[index]  # a wrong call
