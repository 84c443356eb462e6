"""What differs between two plans."""

import pytest

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.indexing import Index
from paramgroups.schedules import linear
from tests.planning.models import INDEX, ROWS, planned


def lines(old: pg.Plan, new: pg.Plan) -> list[str]:
    return str(old.diff(new)).splitlines()


def test_a_value_both_ways() -> None:
    one, other = planned(), planned(pg.rule("head", lr_scale=10))
    assert lines(one, other) == ["lr: 1 -> 10 (2: head.weight, head.bias)"]
    assert lines(other, one) == ["lr: 10 -> 1 (2: head.weight, head.bias)"]
    assert one.diff(other)


def test_equal_plans_differ_in_nothing() -> None:
    one = planned(pg.rule("head", lr_scale=0.5), schedule=linear())
    other = planned(pg.rule("head", lr=0.5), schedule=linear())
    assert not one.diff(other)
    assert lines(one, other) == ["No difference."]


def test_values_that_part_later() -> None:
    one, other = planned(), planned(pg.rule("head", lr_scale=10, start=5))
    assert lines(one, other) == ["lr: differs over time (2: head.weight, head.bias)"]
    frozen = planned(pg.rule("head", trainable=False, start=5))
    assert lines(one, frozen) == ["trainable: differs over time (2: head.weight, head.bias)"]


def test_another_schedule_or_another_horizon() -> None:
    plain, scheduled = planned(), planned(schedule=linear())
    assert lines(plain, scheduled) == [
        "lr: differs over time (12: embed.weight, stem.weight, stem.bias and 9 more)"
    ]
    first, second = lines(scheduled, planned(schedule=linear(), steps=20))
    assert first.startswith("lr: differs over time (12")
    assert second == "horizon: 10 steps -> 20 steps"
    assert not plain.diff(planned(steps=20))


def test_rows() -> None:
    one = planned(pg.rule("embed.weight[10:]", lr_scale=2))
    other = planned(pg.rule("embed.weight[15:]", lr_scale=2), pg.rule("embed.weight[:5]", lr_scale=3))
    assert lines(one, other) == ["lr: 1 -> 3 (1: embed.weight[0:5])", "lr: 2 -> 1 (1: embed.weight[10:15])"]
    assert lines(other, one) == ["lr: 3 -> 1 (1: embed.weight[0:5])", "lr: 1 -> 2 (1: embed.weight[10:15])"]
    assert not one.diff(planned(pg.rule("embed.weight[10:15] | embed.weight[15:]", lr_scale=2)))


def test_an_optimizer_and_a_group() -> None:
    found = lines(planned(), planned(pg.rule("head", optimizer="sgd", group="top")))
    assert "optimizer: adamw -> sgd (2: head.weight, head.bias)" in found
    assert "group: – -> top (2: head.weight, head.bias)" in found
    assert "momentum: – -> 0 (2: head.weight, head.bias)" in found


def test_parameters_that_came_or_went() -> None:
    recipe = pg.Recipe(optimizer="adamw", lr=1.0)
    fewer = pg.plan(Index(ROWS[:-1]), recipe)
    assert lines(pg.plan(INDEX, recipe), fewer) == ["- head.bias"]
    assert lines(fewer, pg.plan(INDEX, recipe)) == ["+ head.bias"]


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(PlanError, match=r"plan.diff: Recipe is no plan"):
        planned().diff(pg.Recipe(optimizer="sgd", lr=1.0))  # type: ignore[arg-type]  # wrong on purpose
