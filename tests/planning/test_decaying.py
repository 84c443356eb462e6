"""Decay that does not follow the rate: what stands in the groups, and who can have it."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.recipes import layer_decay
from paramgroups.schedules import Schedule, constant, cosine, linear, step, warmup
from tests.planning.models import planned


class Own(torch.optim.AdamW):
    """A user's class, with the switch of torch's."""


def independent(*rules: pg.Rule, **said: Any) -> pg.Plan:
    settings: dict[str, Any] = {"optimizer": "adamw", "weight_decay": 1e-3, "decay": "independent"}
    return planned(*rules, **(settings | said))


def strengths(plan: pg.Plan, name: str) -> list[float]:
    rates, decays = plan.curve(name), plan.curve(name, "weight_decay")
    return [rate * decay for rate, decay in zip(rates, decays, strict=True)]


def test_it_is_divided_by_the_base_rate() -> None:
    plan = independent(pg.rule("stem", lr_scale=0.1), lr=0.5)
    assert (plan["head.weight"].weight_decay, plan["stem.weight"].weight_decay) == (0.002, 0.02)
    assert {row.lr * row.weight_decay for row in plan.rows} == {0.001}


def test_coupled_is_what_nobody_says() -> None:
    assert planned(weight_decay=1e-3, decay="coupled").diff(planned(weight_decay=1e-3)).changes == ()
    assert planned()["head.weight"].decay == "coupled"


def test_the_schedule_of_the_rate_is_the_only_thing_that_scales_it() -> None:
    plan = independent(layer_decay(0.5), pg.rule("head", lr=3.0), schedule=linear())
    for row in plan.rows:
        assert strengths(plan, row.name) == pytest.approx([1e-3 * (1 - t / 10) for t in range(10)], rel=1e-12)


def test_it_has_a_schedule_and_windows_of_its_own_too() -> None:
    rules = [pg.rule("head", weight_decay_scale=2, start=5), pg.rule("head", lr_scale=0.1, until=3)]
    plan = independent(*rules, schedules={"weight_decay": linear()}, lr=0.1)
    expected = [1e-3 * (1 - t / 10) * (2 if t >= 5 else 1) for t in range(10)]  # the window
    assert strengths(plan, "head.weight") == pytest.approx(expected, rel=1e-12)
    assert plan.curve("head.weight", "weight_decay")[:4] == pytest.approx([0.1, 0.09, 0.08, 0.007])


def test_where_the_rate_is_0_there_is_no_decay() -> None:
    plan = independent(pg.rule("head", lr=0.0, until=4), lr=0.5)
    assert plan.curve("head.weight", "weight_decay") == [0.0] * 4 + [0.002] * 6


def test_a_rate_too_small_to_divide_by_is_as_good_as_0() -> None:
    assert independent(lr=1e-310)["head.weight"].weight_decay == 0.0
    assert independent(lr=1e-300)["head.weight"].weight_decay == pytest.approx(1e297)
    with pytest.raises(PlanError, match=r"weight_decay=inf.*finite"):
        independent(lr=1e-307, weight_decay=1e3)


def test_rows_of_a_tensor_have_their_own() -> None:
    plan = independent(pg.rule("embed.weight[10:]", lr_scale=0.1))
    (part,) = plan["embed.weight"].parts
    assert (part.values["lr"], part.values["weight_decay"]) == (pytest.approx(0.1), pytest.approx(0.01))
    (group,) = [group for group in plan.groups if group.segments]
    assert group.settings()["rows"][0]["weight_decay"] == pytest.approx(0.01)
    mixed = planned(pg.rule("embed.weight[10:]", decay="independent"), lr=0.5, weight_decay=1e-3)
    assert mixed["embed.weight"].parts[0].values["weight_decay"] == 0.002
    assert "decay independent (rule 1" in str(mixed.explain("embed.weight"))


def test_groups_share_what_agrees() -> None:
    assert len(independent().groups) == 1
    plan = planned(pg.rule("head", decay="independent"), weight_decay=1e-3)
    assert [group.name for group in plan.groups] == ["default", "head"]


def test_where_it_comes_from_is_told() -> None:
    plan = independent(pg.rule("head", lr_scale=0.1), lr=0.1, schedule=linear())
    assert plan["head.weight"].origin("weight_decay") == "recipe × lr 0.01, decay independent of the rate"
    assert (plan["head.weight"].origin("decay"), plan["head.weight"].decay) == ("recipe", "independent")
    told = plan.explain("head.weight", step=5).chains
    assert told["weight_decay"] == ["0.1 = 0.001 (recipe) × 100 (lr 0.01, decay independent of the rate)"]
    assert told["decay"][0].startswith("independent (recipe): ")
    assert "decay" not in planned(weight_decay=0.1).explain("head.weight").chains
    several = planned(pg.rule("head", lr_scale=0.1), weight_decay=0.1).explain("head.weight").chains
    assert several["decay"][0].startswith("coupled (default): ")
    none = planned(pg.rule("head", lr_scale=0.1), weight_decay=0.0).explain("head.weight").chains
    assert "decay" not in none


@pytest.mark.parametrize(
    "said",
    [
        {"optimizer": "lion"},
        {"optimizer": "adafactor"},
        {"optimizer": "adam", "decoupled_weight_decay": True},
        {"optimizer": "radam", "decoupled_weight_decay": True},
        {"optimizer": "sgd"},
        {"optimizer": Own},
        {"optimizer": "rmsprop", "weight_decay": 0.0},
        {"optimizer": "sparseadam", "weight_decay": None},
    ],
    ids=lambda said: str(said["optimizer"]),
)
def test_who_can_have_it(said: dict[str, Any]) -> None:
    settings = {key: value for key, value in ({"weight_decay": 1e-3} | said).items() if value is not None}
    plan = planned(lr=0.5, decay="independent", **settings)
    assert plan["head.weight"].values.get("weight_decay") == {None: None, 0.0: 0.0}.get(
        said.get("weight_decay", ""), 0.002
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"optimizer": "adam"}, "Adam adds it to the gradient unless decoupled_weight_decay=True"),
        ({"optimizer": "adamw", "decoupled_weight_decay": False}, "AdamW adds it to the gradient unless"),
        ({"optimizer": "sgd", "momentum": 0.9}, "SGD gathers it in its momentum"),
        ({"optimizer": "rmsprop"}, "RMSprop adds it to the gradient, or is not known not to"),
        ({"optimizer": "lamb"}, "LAMB adds it"),
    ],
    ids=lambda said: str(said["optimizer"]) if isinstance(said, dict) else "",
)
def test_who_cannot(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(PlanError, match=f'decay="independent" of "embed.weight" .*{reason}'):
        planned(decay="independent", weight_decay=1e-3, **said)


def test_it_holds_for_the_whole_run() -> None:
    with pytest.raises(PlanError, match="decay= holds for the whole run"):
        planned(pg.rule("head", decay="independent", until=5))


SCHEDULES: st.SearchStrategy[Schedule | None] = st.sampled_from(
    [
        None,
        linear(end=0.1),
        cosine(end=0.01),
        warmup(3).then(cosine(end=0.2)),
        step(0.5, every=3),
        constant(0.5),
    ]
)


@st.composite
def windows(draw: st.DrawFn) -> pg.Rule:
    start, length = draw(st.integers(0, 9)), draw(st.integers(1, 12))
    said: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {"lr_scale": st.floats(1e-6, 1e3)},
            optional={"lr": st.floats(1e-9, 1e3), "trainable": st.booleans(), "rewarm": st.integers(1, 15)},
        )
    )
    return pg.rule(draw(st.sampled_from(["head", "**", ":bias"])), start=start, until=start + length, **said)


@given(st.lists(windows(), max_size=4), SCHEDULES, st.floats(1e-9, 10), st.floats(1e-9, 0.1))
def test_rate_times_decay_is_factor_times_decay_as_given(
    rules: list[pg.Rule], schedule: Schedule | None, lr: float, decay: float
) -> None:
    plan = independent(*rules, schedule=schedule, lr=lr, weight_decay=decay)
    for group in plan.groups:
        rate, found = group.courses["lr"], group.courses["weight_decay"]
        for tick in range(12):
            expected = rate.factor(tick) * decay
            assert rate.at(tick) * found.at(tick) == pytest.approx(expected, rel=1e-12)
