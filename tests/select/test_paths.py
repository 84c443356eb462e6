"""Which names a path matches."""

import pytest

from paramgroups.indexing import Index
from paramgroups.select import parse
from paramgroups.select.segments import Choice, Literal, Segment, Span, Star
from tests.select.models import INDEX, row

NAMES = [
    "stem.conv.weight",
    "layer1.0.conv.weight",
    "layer1.0.bn.bias",
    "layer10.0.conv.weight",
    "head.fc1.weight",
    "head.fc2.weight",
    "decode_head.fc1.weight",
    "blocks.0.attn.q_proj.weight",
    "blocks.0.attn.k_proj.weight",
    "blocks.3.attn.v_proj.weight",
    "blocks.12.mlp.fc1.weight",
    "model.head.weight",
    "odd.gpt-2.weight",
    "odd.a-b | c[0]:~ *.weight",
    "odd.größe.weight",
    'odd.say "hi" \\.weight',
]
MODEL = Index([row(name) for name in NAMES])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("head", ["head.fc1.weight", "head.fc2.weight"]),
        ("layer1", ["layer1.0.conv.weight", "layer1.0.bn.bias"]),
        ("layer1.0.bn.bias", ["layer1.0.bn.bias"]),
        ("layer1.0.bn.bias.more", []),
        ("conv", []),
        ("layer*.0.conv", ["layer1.0.conv.weight", "layer10.0.conv.weight"]),
        ("*.conv", ["stem.conv.weight"]),
        ("**.conv", ["stem.conv.weight", "layer1.0.conv.weight", "layer10.0.conv.weight"]),
        ("**.bias", ["layer1.0.bn.bias"]),
        ("**.head", ["head.fc1.weight", "head.fc2.weight", "model.head.weight"]),
        ("*head.fc1", ["head.fc1.weight", "decode_head.fc1.weight"]),
        ("head.**.weight", ["head.fc1.weight", "head.fc2.weight"]),
        ("head.**.fc1.weight", ["head.fc1.weight"]),
        ("**.**.bn.**", ["layer1.0.bn.bias"]),
        ("blocks.*.attn.{q,k}_proj", ["blocks.0.attn.q_proj.weight", "blocks.0.attn.k_proj.weight"]),
        ("blocks.{0..3}.attn.{q,v}_proj", ["blocks.0.attn.q_proj.weight", "blocks.3.attn.v_proj.weight"]),
        ("blocks.{1..12}", ["blocks.3.attn.v_proj.weight", "blocks.12.mlp.fc1.weight"]),
        ("blocks.{4..11}", []),
        ("blocks.{0,3}.attn.{q*,v*}", ["blocks.0.attn.q_proj.weight", "blocks.3.attn.v_proj.weight"]),
        ("layer{2..1000000000}", ["layer10.0.conv.weight"]),
        (
            'layer1{"",0}',
            ["layer1.0.conv.weight", "layer1.0.bn.bias", "layer10.0.conv.weight"],
        ),
        ("odd.gpt-2", ["odd.gpt-2.weight"]),
        ("odd.größe", ["odd.größe.weight"]),
        ('odd."a-b | c[0]:~ *"', ["odd.a-b | c[0]:~ *.weight"]),
        ("odd.'a-b | c[0]:~ *'.weight", ["odd.a-b | c[0]:~ *.weight"]),
        (r"""odd."say \"hi\" \\" """, ['odd.say "hi" \\.weight']),
        ('head."fc*"', []),
        ('head."f"c*', ["head.fc1.weight", "head.fc2.weight"]),
    ],
)
def test_a_path_matches_by_whole_segments(text: str, found: list[str]) -> None:
    assert list(parse(text).select(MODEL).names) == found


def test_stars_alone_match_all() -> None:
    assert len(parse("**").select(MODEL)) == len(parse("*").select(MODEL)) == len(NAMES)


def test_every_name_of_a_tied_tensor_selects_it() -> None:
    assert parse("lm_head").select(INDEX) == parse("embed").select(INDEX)
    assert parse("lm_head | decode_head").select(INDEX).names == ("embed.weight", "decode_head.weight")
    assert parse(r"/lm_.*/").select(INDEX).names == ("embed.weight",)


def test_a_literal_star_in_a_name_is_no_star_of_a_path() -> None:
    index = Index([row("*"), row("a")])
    assert len(parse("* | b").select(index)) == 2
    assert parse('"*" | b').select(index).names == ("*",)


def test_no_pattern_is_slow() -> None:
    many = Segment((Star(), Literal("a")) * 200)
    assert not many.matches("a" * 199)
    assert many.matches("a" * 200)
    assert Segment((Choice(((Star(),), (Star(), Literal("a")))),) * 50).matches("a" * 500)


def test_a_range_compares_numbers() -> None:
    assert Segment((Span(0, 5),)).matches("5")
    assert Segment((Span(0, 5),)).matches("05")
    assert not Segment((Span(0, 5),)).matches("15")
    assert not Segment((Span(0, 5),)).matches("²")
    assert not Segment((Span(0, 5),)).matches("9" * 5000)
    assert Segment((Span(1, 2), Literal("x"), Span(10, 20))).matches("1x15")
