from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from paramgroups.errors import NoMatchError, ParamGroupsError
from paramgroups.planning import Plan, plan
from paramgroups.recipes import backbone_head, by_magnitude, by_type, no_decay
from paramgroups.rules import Recipe, rule
from paramgroups.schedules import cosine
from paramgroups.select import parse
from tests.recipes.models import Net


def planned(model: nn.Module, *rules: Any) -> Plan:
    return plan(model, Recipe(optimizer="adamw", lr=1e-3, weight_decay=0.1, rules=rules), steps=10)


def test_no_decay_spares_norms_and_biases() -> None:
    made = planned(Net(), no_decay())
    spared = {row.name for row in made.rows if row.weight_decay == 0.0}
    assert spared == {
        "stem.bias",
        "head.bias",
        *(f"blocks.{b}.{part}" for b in range(3) for part in ("norm.weight", "norm.bias")),
        *(f"blocks.{b}.{part}.bias" for b in range(3) for part in ("fc1", "fc2")),
    }
    assert {row.weight_decay for row in made.rows} == {0.0, 0.1}


def test_no_decay_where_there_are_no_norms_or_biases_spares_none() -> None:
    made = planned(nn.Sequential(nn.Linear(2, 2, bias=False)), no_decay())
    assert [row.weight_decay for row in made.rows] == [0.1]
    assert len(made.groups) == 1


def test_no_decay_on_what_is_not_there_is_refused() -> None:
    with pytest.raises(NoMatchError, match=r'"embedd" matches none of 22 parameters'):
        planned(Net(), no_decay("embedd"))
    assert no_decay(parse("stem")) == rule("stem", weight_decay=0.0)


def test_backbone_and_head() -> None:
    made = planned(Net(), backbone_head(1e-3, 1e-2))
    assert {row.name: row.lr for row in made.rows if row.lr != 1e-3} == {
        "head.weight": 1e-2,
        "head.bias": 1e-2,
    }
    assert [(group.name, group.lr) for group in made.groups if group.lr == 1e-2] == [("head", 1e-2)]


def test_another_head() -> None:
    for select in ("stem | head", parse("stem | head")):
        assert backbone_head(0, 1, select) == [
            rule("~(stem | head)", lr=0.0, group="backbone"),
            rule("stem | head", lr=1.0, group="head"),
        ]


def test_a_model_without_a_head_is_refused() -> None:
    with pytest.raises(NoMatchError, match=r'":head" matches none of 2 parameters(.|\n)*Rule 2 of recipe'):
        planned(
            nn.ModuleDict({"embed": nn.Embedding(4, 2), "norm": nn.RMSNorm(2)}), backbone_head(1e-3, 1e-2)
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("x", 1), "lr='x' is no number"),
        ((1, None), "lr=None is no number"),
        ((-1, 1), "lr=-1 is out of its domain"),
        ((1, 1, 3), "A selector is text; found 3"),
        ((1, 1, ") | ("), r"\n  \) \| \(\n  \^"),
    ],
)
def test_what_is_no_backbone_and_head(given: Any, message: str) -> None:
    with pytest.raises(ParamGroupsError, match=message):
        backbone_head(*given)


def test_by_type() -> None:
    said: dict[Any, Any] = {
        "Conv2d": {"lr": 0.01},
        nn.Linear: {"lr_scale": 2, "schedule": cosine()},
        "a b": {"lr": 1},
    }
    assert by_type(said) == [
        rule("@Conv2d", lr=0.01),
        rule("@Linear", lr_scale=2, schedule=cosine()),
        rule('@"a b"', lr=1),
    ]


def test_by_type_knows_bases() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    made = planned(model, by_type({"_ConvNd": {"lr": 0.5}, nn.BatchNorm2d: {"lr": 0.0}}))
    assert [row.lr for row in made.rows] == [0.5, 0.5, 0.0, 0.0, 1e-3, 1e-3]


def test_a_type_is_no_selector() -> None:
    with pytest.raises(NoMatchError, match="matches none"):
        planned(Net(), by_type({"Linear | head": {"lr": 1}}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r'by_type\(settings={}\): give settings for each type: {"Conv2d": {"lr": 0.01}}'),
        ([("Linear", {})], "give settings for each type"),
        ("Linear", "give settings for each type"),
        ({"Linear": 0.1}, "by_type: 'Linear' has 0.1: write what a rule says"),
        ({"Linear": {3: 4}}, "by_type: 'Linear' has {3: 4}: write what a rule says"),
        ({"Linear": {"selector": "a"}}, "by_type: 'Linear' has {'selector': 'a'}"),
        ({"Linear": {}}, r'rule\("@Linear"\) says nothing'),
        ({"Linear": {"lr": "x"}}, "lr='x' is no number"),
        ({3: {"lr": 1}}, "A module type is a class or its name"),
    ],
    ids=str,
)
def test_what_is_no_settings_by_type(settings: Any, message: str) -> None:
    with pytest.raises(ParamGroupsError, match=message):
        by_type(settings)


def test_by_magnitude() -> None:
    assert by_magnitude([0.1, 0.5], [1, 2, 0.0]) == [
        rule("[ndim>=2][rms<0.1]", lr_scale=1, missing="ignore"),
        rule("[ndim>=2][rms>=0.1][rms<0.5]", lr_scale=2, missing="ignore"),
        rule("[ndim>=2][rms>=0.5]", lr_scale=0, missing="ignore"),
    ]
    bounds: Any = np.array([0.1])
    factors: Any = np.array([1, 2])
    largest = by_magnitude(bounds, factors, "absmax", ":conv")[1]
    assert largest == rule(":conv[absmax>=0.1]", lr_scale=2, missing="ignore")


def test_each_tensor_is_in_one_class_of_magnitude() -> None:
    model = nn.ParameterDict({str(k): nn.Parameter(torch.full((2,), k / 10)) for k in range(6)})
    made = planned(model, by_magnitude([0.1, 0.35], [1, 2, 3], select="**"))
    assert [row.lr * 1e3 for row in made.rows] == pytest.approx([1, 2, 2, 2, 3, 3])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([], [1]), "give ascending bounds, and one factor more than bounds"),
        (([0.2, 0.1], [1, 2, 3]), "give ascending bounds"),
        (([0.1, 0.1], [1, 2, 3]), "give ascending bounds"),
        (([0.1], [1]), r"by_magnitude\(bounds=\[0.1\], lr_scales=\[1\]\): give ascending bounds, and one fa"),
        (("ab", [1, 2, 3]), "by_magnitude: bounds='ab' is no list. Write numbers"),
        ((0.1, [1, 2]), "bounds=0.1 is no list"),
        (({0.1, 0.2}, [1, 2, 3]), "bounds={0.1, 0.2} is no list"),
        ((None, None), "bounds=None is no list"),
        (([0.1], 3), "lr_scales=3 is no list"),
        ((["a"], [1, 2]), "bounds holds 'a', which is no number"),
        (([1, "a"], [1, 2, 3]), "bounds holds 'a'"),
        (([[1]], [1, 2]), r"bounds holds \(1,\)"),
        (([{}], [1, 2]), "bounds={}: a setting is"),
        (([True], [1, 2]), "bounds holds True"),
        (([float("nan")], [1, 2]), "bounds=nan is out of its domain"),
        (([10**5000], [1, 2]), "bounds=<int> is out of its domain"),
        (([0.1], [-1, 2]), "lr_scale=-1: a factor is at least 0"),
        (([0.1], [1, 2], "rmss"), '"rmss" is no statistic. Nearest: "rms"'),
        (([0.1], [1, 2], 3), "The name of a statistic is text"),
    ],
    ids=[
        "none", "descending", "equal", "few factors", "text", "number", "set", "None", "factors", "word",
        "mixed", "nested", "table", "switch", "nan", "huge", "negative", "typo", "no text",
    ],
)  # fmt: skip
def test_what_is_no_magnitude(given: Any, message: str) -> None:
    with pytest.raises(ParamGroupsError, match=message):
        by_magnitude(*given)
