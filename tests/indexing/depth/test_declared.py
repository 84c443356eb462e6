"""Depth as a user or a model declares it."""

from typing import Any

import pytest
import torch
from torch import nn

from paramgroups.errors import ModelError
from paramgroups.indexing import index
from tests.support import import_timm


def model() -> nn.Module:
    return nn.ModuleDict(
        {
            "stem": nn.Linear(2, 2, bias=False),
            "blocks": nn.ModuleList(nn.Linear(2, 2, bias=False) for _ in range(12)),
            "norm": nn.LayerNorm(2, bias=False),
            "head": nn.Linear(2, 2, bias=False),
        }
    )


def depths(depth: Any) -> dict[str, int]:
    return {row.name.removesuffix(".weight"): row.depth for row in index(model(), depth=depth)}


MATCHER = {"stem": r"^stem", "blocks": [(r"^blocks\.(\d+)", None), (r"^norm", (99999,))]}


def test_a_function_that_fails_is_named_with_what_it_was_asked() -> None:
    with pytest.raises(
        ModelError, match=r'depth\("stem.weight"\) raised KeyError: .stem.weight.*return a level'
    ):
        index(model(), depth=lambda name: {}[name])


def test_a_group_matcher_orders_by_number_and_puts_the_rest_on_top() -> None:
    found = depths(MATCHER)
    assert (found["stem"], found["blocks.0"], found["blocks.2"], found["blocks.11"]) == (0, 1, 3, 12)
    assert (found["norm"], found["head"]) == (12, 13)
    assert {row.levels for row in index(model(), depth=MATCHER)} == {14}


def test_a_group_matcher_has_the_meaning_that_timm_gives_it() -> None:
    import_timm()
    from timm.models import group_parameters  # noqa: PLC0415 - loads only after `import_timm`

    for name in (
        "vit_tiny_patch16_224",
        "convnext_atto",
        "resnet18",
        "efficientnet_b0",
        "swin_tiny_patch4_window7_224",
    ):
        with torch.device("meta"):
            theirs = import_timm().create_model(name)
        expected = group_parameters(theirs, theirs.group_matcher(), reverse=True)
        assert {row.name: row.depth for row in index(theirs)} == expected
        assert {row.name: row.depth for row in index(nn.DataParallel(theirs))} == expected


def test_a_function_of_the_name() -> None:
    found = depths(lambda name: 5 if name.startswith("head") else 0)
    assert (found["stem"], found["head"]) == (0, 5)


def test_a_mapping_of_paths_takes_the_longest_by_whole_segments() -> None:
    found = depths({"": 1, "blocks.1": 2, "head": 3})
    assert (found["stem"], found["blocks.1"], found["blocks.11"], found["head"]) == (1, 2, 1, 3)


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (
            {"stem": 0, "blocks": 1},
            r"names no level for 2 parameters: norm\.weight, head\.weight\. Add their paths",
        ),
        ({"": 0, "blokcs": 1}, r'names "blokcs", which no parameter stands under'),
        ({"": 0, "head": -1}, r'depth\["head"\] is -1\. A level is a whole number from 0'),
        ({"": 0, "head": 1.5}, r'depth\["head"\] is 1\.5'),
        (lambda _: "deep", r'depth\("stem\.weight"\) is \'deep\''),
        (lambda _: True, r"is True"),
        ({"stem": r"^stem("}, r'Group "stem" of the group matcher: .* is no regular expression'),
        ({"stem": [r"^stem"]}, r'Group "stem" of the group matcher is .*\(expression, suffix\)'),
        ({"stem": 3, "blocks": "^blocks"}, r'Group "stem" of the group matcher is 3'),
        ({"stem": r"^(stem)"}, r"captured \['stem'\]|captured .*must be numbers"),
        ({}, r"depth=\{\} declares no depth"),
        (3, r"depth=3 declares no depth"),
        ({1: 2}, r"declares no depth"),
    ],
)
def test_what_declares_no_depth_is_an_error(depth: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        index(model(), depth=depth)


def test_a_matcher_that_tells_no_two_apart_leaves_it_to_the_structure() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net.group_matcher = lambda: {"stem": r"^nothing"}  # type: ignore[assignment] # as timm's models have it
    assert [row.depth for row in index(net)] == [0, 0, 1, 1]
