"""Functions become tables that a file holds, and the plan is the same."""

from pathlib import Path

import pytest

import paramgroups as pg
from paramgroups.errors import ParamGroupsError
from paramgroups.schedules import constant, function, warmup
from paramgroups.select import rows, where
from tests.planning.models import INDEX, planned

SLOPE = function("slope", lambda u: 1 - u * u)
SCALE = pg.per_parameter("1/rows", lambda row: 1 / row.shape[0])
THAW = pg.per_parameter("thaw", lambda row: ["40%", None, 8, 0][row.depth % 4])
LATE = pg.per_parameter("late", lambda row: None if row.ndim == 1 or row.depth % 4 == 3 else "10%")
FREEZE = pg.rule("stem", trainable=False, until=6, clock="thaw")

PLANS: dict[str, tuple[tuple[pg.Rule, ...], dict[str, object]]] = {
    "a value": ((pg.rule("blocks", lr_scale=SCALE),), {}),
    "a value for rows": ((pg.rule("embed.weight[5:] | head", lr_scale=SCALE),), {}),
    "trainable": ((pg.rule("**", trainable=pg.per_parameter("wide", lambda row: row.ndim == 2)),), {}),
    "a window": ((pg.rule("**", trainable=False, start=LATE, until=THAW),), {}),
    "a window of rows": ((pg.rule("embed.weight[5:] | head", lr_scale=0.5, until=THAW),), {}),
    "a selector": ((pg.rule(where("wide", lambda row: row.ndim == 2), lr_scale=0.5),), {}),
    "a selector of rows": ((pg.rule(rows(where("e", lambda row: row.depth == 0), 2, 4), lr_scale=0.5),), {}),
    "a selector of rows and wholes": (
        (
            pg.rule(
                where("h", lambda row: row.role == "head") | "embed.weight[:2]" | "embed.weight[9:]", lr=0.5
            ),
        ),
        {},
    ),
    "a selector of nothing": ((pg.rule(where("no", lambda _: False), lr=0.5, missing="ignore"),), {}),
    "a schedule": ((), {"schedule": SLOPE}),
    "a schedule in a chain": ((), {"schedule": warmup("20%").then(SLOPE)}),
    "a schedule of a rule": ((pg.rule("head", schedules={"weight_decay": SLOPE}),), {}),
    "a schedule from a thaw": ((FREEZE, pg.rule("stem", schedule=SLOPE, clock="thaw")), {}),
    "both": ((pg.rule("head", lr_scale=SCALE, schedule=SLOPE),), {"schedule": constant(0.5)}),
}


@pytest.mark.parametrize("made", PLANS.values(), ids=PLANS)
def test_saved_and_loaded_it_plans_the_same(
    made: tuple[tuple[pg.Rule, ...], dict[str, object]], tmp_path: Path
) -> None:
    rules, settings = made
    plan = planned(*rules, **settings)  # type: ignore[arg-type]  # keywords
    with pytest.raises(ParamGroupsError, match="function"):
        plan.given.to_toml()
    path = tmp_path / "recipe.toml"
    path.write_text(plan.recipe.to_toml(), encoding="utf-8")
    again = pg.plan(INDEX, pg.load_recipe(path), steps=10)
    for step in range(12):
        assert [row.values for row in plan.at(step).values()] == [
            row.values for row in again.at(step).values()
        ]
        assert [row.parts for row in plan.at(step).values()] == [row.parts for row in again.at(step).values()]
    assert again.recipe.to_toml() == again.given.to_toml()


def test_a_schedule_whose_clock_begins_at_several_ticks_stays_a_function() -> None:
    plan = planned(FREEZE, schedule=SLOPE)
    assert dict(plan.recipe.schedules)["lr"] is SLOPE
    assert pg.plan(INDEX, plan.recipe, steps=10) == plan


def test_the_table_is_marked_as_what_a_function_found() -> None:
    text = planned(pg.rule("head", lr_scale=SCALE)).recipe.to_toml()
    assert 'use = "table", label = "1/rows", opaque = true' in text
    assert '"head.bias" = 0.3333333333333333' in text
