from typing import Any

import pytest
from torch import nn

from paramgroups.errors import ParamGroupsError, RuleError, SelectorError
from paramgroups.indexing import index
from paramgroups.planning import plan
from paramgroups.recipes import LayerDecay, layer_decay
from paramgroups.rules import Recipe, rule
from paramgroups.schedules import cosine
from tests.recipes.models import Net


def recipe(*rules: Any, **said: Any) -> Recipe:
    return Recipe(optimizer="adamw", lr=1e-3, rules=rules, **said)


def test_each_level_below_the_head_has_less() -> None:
    made = plan(Net(), recipe(layer_decay(0.5)), steps=10)
    rates = {
        "head.weight": 1e-3,
        "blocks.2.fc1.weight": 5e-4,
        "blocks.1.fc1.weight": 2.5e-4,
        "blocks.0.norm.bias": 1.25e-4,
        "stem.weight": 6.25e-5,
    }
    assert {name: made[name].lr for name in rates} == pytest.approx(rates, rel=1e-12)


def test_the_factor_is_the_decay_to_the_levels_below_the_top() -> None:
    rows = list(index(Net(blocks=5)))
    top = max(row.depth for row in rows)
    assert top == 6
    assert LayerDecay(0.75).resolve(rows) == [0.75 ** (top - row.depth) for row in rows]


def test_it_multiplies_what_stands_and_what_follows_multiplies_it() -> None:
    said = [rule("blocks.2", lr=0.1), layer_decay(0.5), rule("blocks.2", lr_scale=3)]
    row = plan(Net(), recipe(*said), steps=10)["blocks.2.fc1.weight"]
    assert row.lr == pytest.approx(0.1 * 0.5 * 3)


def test_a_schedule_keeps_the_ratios() -> None:
    made = plan(Net(), recipe(layer_decay(0.5), schedule=cosine(end=0.1)), steps=10)
    for step in (0, 5, 9):
        rows = made.at(step)
        assert rows["stem.weight"].lr == pytest.approx(rows["head.weight"].lr / 16)


def test_a_part_of_the_model() -> None:
    made = plan(Net(), recipe(layer_decay(0.5, select="blocks")), steps=10)
    assert made["stem.weight"].lr == 1e-3
    assert made["blocks.0.fc1.weight"].lr == pytest.approx(1.25e-4)


def test_one_depth_is_refused() -> None:
    message = r"layer_decay\(0.5\): all 2 parameters lie at one depth, so it would do nothing. Tell the depth"
    with pytest.raises(ParamGroupsError, match=message):
        plan(nn.Linear(3, 2), recipe(layer_decay(0.5)), steps=10)


@pytest.mark.parametrize(
    ("decay", "message"),
    [
        ("x", "layer_decay: decay='x' is no number"),
        ("0.75", "Write it without quotes: 0.75"),
        (None, "decay=None is no number"),
        (-0.5, "decay=-0.5: a factor is at least 0"),
        (float("nan"), "decay=nan is out of its domain: it must be finite"),
        (0, r"layer_decay\(0\) would stop all but the top. Freeze by a rule: trainable=False"),
        (75, r"layer_decay\(75\) would let the input learn fastest. Write a factor below 1, such as 0.75"),
    ],
)
def test_what_is_no_decay(decay: Any, message: str) -> None:
    for make in (layer_decay, LayerDecay):
        with pytest.raises(RuleError, match=message):
            make(decay)


def test_what_is_no_selector() -> None:
    with pytest.raises(SelectorError, match="A selector is text; found 3"):
        layer_decay(0.5, select=3)  # type: ignore[arg-type]  # the mistake


def test_what_it_is_called() -> None:
    value = LayerDecay(0.75)
    row = next(row for row in index(Net()) if row.name == "blocks.1.fc1.weight")
    assert value.label == "layer_decay(0.75)"
    assert value.where(row) == value.word(row, 0.5) == f"depth {row.depth}"
    assert value.where(row._replace(tower="decoder")) == f"depth {row.depth} of decoder"
    assert not value.opaque
    assert repr(layer_decay(0.75)) == "rule('**', lr_scale=LayerDecay(decay=0.75))"
