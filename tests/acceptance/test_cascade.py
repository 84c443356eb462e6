"""The cascade, groups and explanations, in numbers that a reader can check."""

from typing import Any

import pytest
from torch import nn

import paramgroups as pg
from paramgroups.schedules import constant, cosine, linear, step, warmup
from tests.acceptance.models import Net, planned, small


def test_set_drops_what_stood_and_scale_multiplies_it() -> None:
    plan = planned(pg.rule("0", lr_scale=0.5), pg.rule("0", lr=0.3), pg.rule("0.bias", lr_scale=2))
    assert (plan["0.weight"].lr, plan["0.bias"].lr, plan["2.weight"].lr) == (0.3, 0.6, 0.1)


def test_set_never_drops_the_schedule() -> None:
    plan = planned(pg.rule("0", lr=0.4), schedule=linear())
    assert [plan.at(t)["0.weight"].lr for t in (0, 50, 75)] == [0.4, 0.2, 0.1]


def test_one_hyperparameter_never_disturbs_another() -> None:
    plan = planned(pg.rule("0", lr_scale=0.5), pg.rule("0", weight_decay=0.2), pg.rule("0", beta2=0.95))
    row = plan["0.weight"]
    assert (row.lr, row.weight_decay, row.betas) == (0.05, 0.2, (0.9, 0.95))


def test_betas_are_short_for_two() -> None:
    row = planned(pg.rule("0", betas=(0.8, 0.95)), pg.rule("0", beta1=0.7))["0.weight"]
    assert (row.beta1, row.beta2, row.betas) == (0.7, 0.95, (0.7, 0.95))


def test_zero_is_a_value() -> None:
    plan = planned(pg.rule("0", lr=0.0, weight_decay=0.0), weight_decay=0.5)
    assert (plan["0.weight"].lr, plan["0.weight"].weight_decay, plan["2.weight"].weight_decay) == (0, 0, 0.5)


def test_windows_are_half_open() -> None:
    plan = planned(pg.rule("0", lr_scale=0.5, start=10, until="20%"))
    assert [plan.at(t)["0.weight"].lr for t in (9, 10, 19, 20)] == [0.1, 0.05, 0.05, 0.1]
    frozen = planned(pg.rule("0", trainable=False, until="20%"))
    assert [frozen.at(t)["0.weight"].trainable for t in (0, 19, 20)] == [False, False, True]


def test_a_window_in_epochs() -> None:
    rule = pg.rule("0", lr=1.0, start="1 epoch", until="3 epochs")
    plan = pg.plan(small(), pg.Recipe(optimizer="sgd", lr=0.1, rules=[rule]), epochs=10, steps_per_epoch=5)
    assert [plan.at(t)["0.weight"].lr for t in (4, 5, 14, 15)] == [0.1, 1.0, 1.0, 0.1]


def test_layer_decay_is_a_power_of_the_distance_to_the_top_with_heads_at_the_top() -> None:
    plan = planned(pg.recipes.layer_decay(0.5), model=Net(), lr=1.0)
    rates = {
        name: plan[f"{name}.weight"].lr
        for name in ("embed", "stem", "blocks.0.norm", "blocks.3.norm", "head")
    }
    assert rates == {
        "embed": 0.5**5,
        "stem": 0.5**5,
        "blocks.0.norm": 0.5**4,
        "blocks.3.norm": 0.5,
        "head": 1,
    }


def test_a_thaws_clock_counts_what_remains() -> None:
    """Frozen for 60 of 100: 40 remain, 50% of them are 20."""
    plan = planned(
        pg.rule("0", trainable=False, until=60),
        pg.rule("0", clock="thaw", schedule=warmup("50%").then(constant())),
    )
    assert [round(plan.at(t)["0.weight"].lr, 12) for t in (60, 69, 79, 80, 99)] == [
        0.005,
        0.05,
        0.1,
        0.1,
        0.1,
    ]
    assert plan["0.weight"].lr == 0.1


def test_groups_agree_over_all_of_training_and_values_are_compared() -> None:
    merged = planned(pg.rule("0", lr=0.3), pg.rule("2", lr=0.3), pg.rule("1", lr_scale=3.0000000000000004))
    assert len({row.lr for row in merged.rows}) == len(merged.groups)
    apart = planned(pg.rule("0", lr_scale=0.5, start=99))
    assert [group.names for group in apart.groups] == [
        ("0.weight", "0.bias"),
        ("1.weight", "1.bias", "2.weight", "2.bias"),
    ]
    assert len(planned(pg.rule("0", schedule=cosine())).groups) == 2
    assert len(planned(pg.rule("0", group="own")).groups) == 2


@pytest.mark.parametrize(
    "rules",
    [
        [pg.rule("0", lr_scale=1.0)],
        [pg.rule("0", lr=0.3), pg.rule("2", lr=0.3)],
        [pg.rule("2", lr_scale=1.0), pg.rule("0", lr_scale=0.5)],
    ],
    ids=["one that changes nothing", "two of one value", "one that changes nothing beside one that does"],
)
def test_a_group_that_has_a_selector_for_its_name_holds_what_that_selects(rules: list[pg.Rule]) -> None:
    """Names are readable: under "head" nobody expects the backbone."""
    for group in planned(*rules).groups:
        if group.name in ("0", "2"):
            assert {name.split(".")[0] for name in group.names} == {group.name}


def test_a_group_with_the_name_of_a_depth_lies_at_that_depth() -> None:
    """A sweep passes through 1.0, and all that has one value is one group: of every depth."""
    plan = planned(pg.recipes.layer_decay(1.0), model=Net())
    for group in plan.groups:
        depths = {plan[name].depth for name in group.names}
        assert group.name not in {f"depth {depth}" for depth in range(6)} or len(depths) == 1


def test_explain_tells_each_acting_rule_its_factor_and_the_value() -> None:
    plan = planned(
        pg.recipes.layer_decay(0.5),
        pg.rule("head | embed", lr_scale=10),
        pg.rule("blocks.{0..1}.**[ndim==2]", lr_scale=0.3),
        pg.rule(":norm | :bias", weight_decay=0.0),
        model=Net(),
        lr=1e-4,
        schedule=warmup("5%").then(cosine(end=0.01)),
    )
    text = str(plan.explain("blocks.0.mlp.fc1.weight"))
    for word in ("blocks.{0..1}.**[ndim==2]", "0.3", "0.0001", "0.0625", "0.000001875", "cosine(end=0.01)"):
        assert word in text
    assert "head | embed" not in text
    assert ":norm | :bias" in str(plan.explain("blocks.0.norm.weight"))
    head = str(plan.explain("head.weight"))
    assert "head | embed" in head
    assert "0.001 " in head
    assert "e-" not in head


def test_explain_at_a_step_tells_the_schedules_factor_and_progress() -> None:
    text = str(planned(schedule=cosine(), lr=3e-4).explain("0.weight", 50))
    for word in ("0.00015 ", "0.0003 (recipe)", "0.5", "cosine()", "50%"):
        assert word in text


def test_a_rule_that_changes_nothing_is_told_and_not_refused() -> None:
    plan = planned(pg.rule("2", lr_scale=1.0))
    assert 'Rule 1 "2"' in str(plan)
    assert any('Rule 1 "2"' in finding.message for finding in plan.check())


def test_tied_names_all_select() -> None:
    model = nn.Module()
    model.embed = nn.Embedding(6, 2)
    model.lm_head = nn.Linear(2, 6, bias=False)
    model.lm_head.weight = model.embed.weight
    plan = planned(pg.rule("lm_head", lr=0.7), model=model)
    assert plan["embed.weight"].lr == plan["lm_head.weight"].lr == plan.at(0)["lm_head.weight"].lr == 0.7
    assert plan["lm_head.weight"].name == "embed.weight"
    assert plan["embed.weight"].aliases == ("lm_head.weight",)
    assert "embed.weight" in str(plan.explain("lm_head.weight"))
    assert plan.curve("lm_head.weight", "lr") == [0.7] * 100
    assert plan.param_groups()[0]["param_names"] == ["embed.weight"]


def test_a_diff_names_what_differs() -> None:
    text = str(planned(pg.rule("0", lr=0.3)).diff(planned()))
    for word in ("lr", "0.3", "0.1", "0.weight"):
        assert word in text


ADVICE: dict[str, tuple[list[pg.Rule], dict[str, Any]]] = {
    "no schedule": ([], {}),
    "a rate over 100 times another's": ([pg.rule("0", lr_scale=1 / 101)], {"schedule": cosine()}),
    "decay on norms": ([pg.rule(":bias", weight_decay=0.0)], {"schedule": cosine()}),
    "decay on biases": ([pg.rule(":norm", weight_decay=0.0)], {"schedule": cosine()}),
    "a head that is not the fastest": (
        [pg.rule("2", lr_scale=0.5), pg.rule(":norm | :bias", weight_decay=0.0)],
        {"schedule": cosine()},
    ),
    "everything frozen": ([pg.rule("**", trainable=False)], {}),
}


@pytest.mark.parametrize(("rules", "said"), ADVICE.values(), ids=ADVICE)
def test_check_advises(rules: list[pg.Rule], said: dict[str, Any]) -> None:
    good = planned(pg.rule(":norm | :bias", weight_decay=0.0), schedule=cosine())
    assert good.check() == []
    known = {finding.code for finding in good.check()}
    assert {finding.code for finding in planned(*rules, **said).check()} - known


def test_check_advises_on_embeddings_and_batch_norm() -> None:
    model = nn.Sequential(nn.Embedding(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    spared = pg.rule(":norm | :bias", weight_decay=0.0)
    decayed = planned(spared, model=model, schedule=cosine()).check()
    assert [finding.names for finding in decayed] == [("0.weight",)]
    fast = planned(
        pg.rule(":norm | :bias | :embedding", weight_decay=0.0),
        pg.rule("@BatchNorm1d", lr_scale=10),
        model=model,
        schedule=cosine(),
    ).check()
    assert ("2.weight", "2.bias") in [finding.names for finding in fast]


def test_ready_made_parts() -> None:
    plan = planned(pg.recipes.no_decay(), *pg.recipes.backbone_head(1e-3, 1e-2), schedule=step(0.5, every=50))
    assert [plan[name].lr for name in ("0.weight", "1.weight", "2.weight")] == [1e-3, 1e-3, 1e-2]
    assert [plan[name].weight_decay for name in ("0.weight", "0.bias", "1.weight")] == [0.01, 0, 0]
    assert [plan.at(t)["2.weight"].lr for t in (49, 50)] == [1e-2, 5e-3]


def test_a_recipe_survives_its_file(tmp_path: object) -> None:
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=3e-4,
        betas=(0.9, 0.95),
        schedule=warmup("5%").then(cosine(end=0.01)),
        schedules={"weight_decay": linear(end=0.5)},
        rules=[
            pg.recipes.layer_decay(0.75),
            pg.rule("0", trainable=False, until="2 epochs", missing="ignore"),
            pg.rule(pg.select.role("norm") | pg.select.role("bias"), weight_decay=0.0, group="plain"),
        ],
    )
    path = f"{tmp_path}/r.toml"
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123  # a path as text is taken too
        file.write(recipe.to_toml())
    assert pg.load_recipe(path) == recipe
    assert 'use = "layer_decay"' in recipe.to_toml()
    assert "decay = 0.75" in recipe.to_toml()
