from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.errors import ParamGroupsError, RuleError
from paramgroups.recipes import Spread
from paramgroups.recipes.spreading import spread
from tests.recipes.models import Net


def recipe(*rules: pg.Rule, **said: Any) -> pg.Recipe:
    return pg.Recipe(optimizer="adamw", lr=0.5, rules=rules, **said)


def test_rates_are_in_equal_ratios_from_the_input_to_the_head() -> None:
    made = pg.plan(Net(), recipe(pg.rule("**", lr=spread(1e-6, 1e-2))), steps=10)
    rates = {
        "stem.weight": 1e-6,
        "blocks.0.norm.bias": 1e-5,
        "blocks.1.fc1.weight": 1e-4,
        "blocks.2.fc2.weight": 1e-3,
        "head.weight": 1e-2,
    }
    assert {name: made[name].lr for name in rates} == pytest.approx(rates, rel=1e-12)
    assert (made["stem.weight"].lr, made["head.bias"].lr) == (1e-6, 1e-2)


@given(
    lo=st.floats(1e-9, 1.0),
    ratio=st.floats(1.0, 1e6),
    blocks=st.integers(0, 6),
)
def test_both_ends_are_met_exactly_and_ratios_are_equal(lo: float, ratio: float, blocks: int) -> None:
    rows = sorted(pg.index(Net(blocks=blocks)), key=lambda row: row.depth)
    found = Spread(lo, lo * ratio).resolve(rows)
    assert (found[0], found[-1]) == (lo, lo * ratio)
    steps = sorted({row.depth: rate for row, rate in zip(rows, found, strict=True)}.items())
    ratios = [high / low for (_, low), (_, high) in pairwise(steps)]
    assert ratios == pytest.approx([ratio ** (1 / (blocks + 1))] * (blocks + 1), rel=1e-9)


def test_a_schedule_keeps_the_ratios() -> None:
    said = recipe(pg.rule("**", lr=pg.spread(1e-4, 1e-2)), schedule=pg.schedules.cosine(end=0.1))
    rows = pg.plan(Net(), said, steps=10).at(7)
    assert rows["head.weight"].lr / rows["stem.weight"].lr == pytest.approx(100)


def test_a_part_of_the_model_and_another_hyperparameter() -> None:
    made = pg.plan(Net(), recipe(pg.rule("blocks", weight_decay=spread(1e-5, 1e-1))), steps=10)
    assert made["stem.weight"].weight_decay == 0.01
    assert made["blocks.2.fc1.weight"].weight_decay == pytest.approx(1e-2)


class Two(nn.Module):
    """Two towers and a part of one level."""

    def __init__(self) -> None:
        super().__init__()
        self.vision, self.text, self.scale = (
            Net(blocks=1),
            Net(blocks=3),
            nn.Parameter(nn.Linear(2, 2).weight),
        )


def test_each_tower_counts_its_own_depth() -> None:
    rows = list(pg.index(Two()))
    rates = dict(zip((row.name for row in rows), Spread(1e-4, 1e-2).resolve(rows), strict=True))
    towers = {row.tower for row in rows}
    assert towers >= {"vision", "text"}
    assert rates["vision.stem.weight"] == rates["text.stem.weight"] == 1e-4
    assert rates["vision.blocks.0.fc1.weight"] == pytest.approx(1e-3)
    assert rates["text.blocks.1.fc1.weight"] == pytest.approx(1e-3)
    assert rates["vision.head.weight"] == rates["text.head.weight"] == 1e-2


def test_a_tower_of_one_level_has_the_larger() -> None:
    rows = list(pg.index(Net()))
    alone = rows[0]._replace(name="scale", tower="scale", depth=0, levels=1)
    assert Spread(1e-4, 1e-2).resolve([*rows, alone])[-1] == 1e-2


def test_explain_tells_the_depth() -> None:
    made = pg.plan(Net(), recipe(pg.rule("**", lr=spread(1e-6, 1e-2))), steps=10)
    assert 'rule 1 "**", spread(1e-06, 0.01) at depth 2' in str(made.explain("blocks.1.fc1.weight"))


def test_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        'optimizer = "adamw"\nlr = 1e-3\n[[rules]]\nselect = "**"\n'
        'lr = { use = "spread", lo = 1e-6, hi = 1e-3 }\n'
    )
    loaded = pg.load_recipe(path)
    assert loaded.rules == (pg.rule("**", lr=spread(1e-6, 1e-3)),)
    path.write_text(loaded.to_toml())
    assert pg.load_recipe(path) == loaded


def test_a_recipe_says_which_rule_to_write() -> None:
    with pytest.raises(
        RuleError, match=r'lr= differs from row to row: give it to a rule, such as rule\("\*\*"'
    ):
        pg.Recipe(optimizer="adamw", lr=spread(1e-6, 1e-3))  # type: ignore[arg-type]  # the mistake


def test_one_depth_is_refused() -> None:
    message = r"spread\(1e-06, 0.01\): all 2 parameters lie at one depth, so there is nothing to spread over"
    with pytest.raises(ParamGroupsError, match=message):
        pg.plan(nn.Linear(3, 2), recipe(pg.rule("**", lr=spread(1e-6, 1e-2))), steps=10)


@pytest.mark.parametrize(
    ("lo", "hi", "message"),
    [
        (1e-3, 1e-6, r"spread\(0.001, 1e-06\) would let the input .* Swap them: spread\(1e-06, 0.001\)"),
        (0, 1, r"spread\(0, 1\): no geometric row begins at 0. Write a small rate, such as spread\(1e-6"),
        (-1, 1, "spread: lo=-1: a factor is at least 0"),
        (1, "1e-3", "spread: hi='1e-3' is no number. Write it without quotes: 0.001"),
        (1, float("inf"), "spread: hi=inf is out of its domain: it must be finite"),
        (None, 1, "spread: lo=None is no number"),
    ],
)
def test_what_is_no_spread(lo: Any, hi: Any, message: str) -> None:
    for make in (spread, Spread):
        with pytest.raises(RuleError, match=message):
            make(lo, hi)


def test_equal_ends_are_one_rate() -> None:
    made = pg.plan(Net(), recipe(pg.rule("**", lr=spread(1e-3, 1e-3))), steps=10)
    assert {row.lr for row in made.rows} == {1e-3}


def test_what_it_is_called() -> None:
    assert pg.spread is spread
    assert repr(pg.rule("**", lr=spread(1e-6, 1e-3))) == "rule('**', lr=Spread(lo=1e-06, hi=0.001))"
