"""The nearest selector that matches."""

import pytest

from paramgroups.indexing import Index
from paramgroups.select import nearest_match, parse, where
from tests.select.models import INDEX


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("encoder.*.*.atn.*", ("encoder.*.*.attn.*", 9)),
        ("encoder.*.atn", ("encoder.*.**.attn", 9)),
        ("encodr.layr.0.norm1", ("encoder.layer.0.norm1", 2)),
        ("layer.0", ("**.layer.0", 5)),
        ("attn.q_proj", ("**.attn.q_proj", 6)),
        ("encoder.0", ("encoder.**.0", 5)),
        ("**.norm", ("**.norm1", 6)),
        ("**.nrom1.weight", ("**.norm1.weight", 3)),
        ("encoder.layer.{90..99}", ("encoder.layer.*", 15)),
        ("head.weight.data", ("head.weight", 1)),
        ("hed:bias", ("head:bias", 1)),
        ("head:embedding", None),
        ("(hed | foo) & :bias", ("(head | foo) & :bias", 1)),
        ("foo | bar", None),
        ("nothing.like.it", None),
        (":lora_A", None),
        (":conv", None),
        ("@LayerNrm", ("@LayerNorm", 6)),
        ("@Layernorm:bias", ("@LayerNorm:bias", 3)),
        ("[dtype==flaot32]", ("[dtype==float32]", 20)),
        ("[depth>=60]", ("[depth>=11]", 8)),
        ("[depth>60]", ("[depth==11]", 8)),
        ("weihgt", ("**.weight", 12)),
        ("[numel<0]", ("[numel==0]", 1)),
        ("[trainable==false] - decode_head", None),
        ("embed.wieght[2:]", ("embed.weight[2:]", 1)),
        ("embed.weight[100:]", None),
        ("/foo/", None),
        ("encodr - :weight", ("encoder - :weight", 6)),
        ("encodr[rms>1]", None),
    ],
)  # fmt: skip
def test_one_part_is_mended(text: str, near: tuple[str, int] | None) -> None:
    assert nearest_match(parse(text), INDEX) == near


def test_roles_are_those_that_the_model_has() -> None:
    assert nearest_match(parse("**:lora_B"), INDEX) is None


def test_statistics_are_read_from_pins() -> None:
    pins = {"rms": {row.name: 1.0 for row in INDEX}}
    assert nearest_match(parse("encodr[rms>0.5]"), INDEX, pins) == ("encoder[rms>0.5]", 15)


def test_a_users_function_has_no_near_one() -> None:
    assert nearest_match(where(lambda _: False), INDEX) is None


@pytest.mark.parametrize("text", ["a.b", "**", ":bias", "@Linear", "[depth>3]", "[dtype==x]", "[0:5]"])
def test_an_empty_model_has_no_near_match(text: str) -> None:
    assert nearest_match(parse(text), Index([])) is None
