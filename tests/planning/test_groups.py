"""Groups: merged by value, named for people."""

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.recipes import layer_decay, no_decay
from paramgroups.schedules import constant, cosine
from tests.planning.models import INDEX, Reader, planned


def names(plan: pg.Plan) -> list[str]:
    return [group.name for group in plan.groups]


def test_465_groups_of_28_settings_are_28() -> None:
    """One group a tensor in 15 layers of 31, and 28 different factors: what was 465 groups elsewhere."""
    model = nn.ModuleList(nn.ParameterList(torch.zeros(1) for _ in range(31)) for _ in range(15))
    places = {name: number % 28 for number, (name, _) in enumerate(model.named_parameters())}
    assert len(places) == 465
    scale = pg.per_parameter("kind", lambda row: 1 + places[row.name])
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=1e-3, rules=[pg.rule("**", lr_scale=scale)]))
    assert len(plan.groups) == 28
    assert sum(len(group.names) for group in plan.groups) == 465


def test_a_rate_for_each_tensor_gives_a_group_for_each() -> None:
    plan = planned(pg.rule("**", lr=pg.per_parameter("own", lambda row: 1 + INDEX.position(row.name))))
    assert [group.names for group in plan.groups] == [(row.name,) for row in INDEX if row.trainable]
    assert len(set(names(plan))) == 11


def test_values_are_compared_not_rules() -> None:
    plan = planned(pg.rule("head", lr=0.5), pg.rule("stem", lr_scale=0.5), pg.rule("blocks", lr_scale=1.0))
    assert [len(group.names) for group in plan.groups] == [7, 4]


def test_a_schedule_a_window_or_an_optimizer_parts_groups() -> None:
    plan = planned(
        pg.rule("head.weight", schedule=cosine()),
        pg.rule("head.bias", schedule=constant(0.5)),
        pg.rule("stem.weight", lr_scale=0.5, start=5),
        pg.rule("stem.bias", trainable=False, until=5),
        pg.rule("blocks.0", optimizer="sgd"),
    )
    assert names(plan) == ["default", "stem.weight", "stem.bias", "blocks.0", "head.weight", "head.bias"]


def test_a_group_asked_for_by_name_is_kept_apart_under_that_name() -> None:
    plan = planned(pg.rule("head", group="top"))
    assert names(plan) == ["default", "top"]
    assert plan.groups[1].names == ("head.weight", "head.bias")


def test_the_last_rule_that_names_a_group_names_it() -> None:
    assert names(planned(pg.rule("**", group="all"), pg.rule("head", group="top"))) == ["all", "top"]


def test_no_other_group_takes_a_name_that_was_asked_for() -> None:
    plan = planned(pg.rule("stem", lr_scale=2), pg.rule("head", group="stem"))
    assert names(plan) == ["default", "stem #2", "stem"]


def test_a_named_group_of_several_settings_says_by_what_they_differ() -> None:
    plan = planned(pg.rule("head", lr_scale=10, group="top"), pg.rule(":bias", weight_decay=0.0))
    assert names(plan)[2:] == ["top", "top, head, :bias"]


def test_names_say_which_rules_decide() -> None:
    plan = planned(layer_decay(0.5), no_decay())
    assert names(plan) == [
        "depth 0", "depth 0, :norm | :bias", "depth 4, :norm | :bias", "depth 4", "depth 8, :norm | :bias",
        "depth 8", "depth 11", "depth 11, :norm | :bias",
    ]  # fmt: skip


def test_a_rule_that_sets_one_value_by_depth_and_another_plainly_is_named_by_depth() -> None:
    settings = {"lr_scale": layer_decay(0.5).settings["lr_scale"], "weight_decay": 0.3}
    for given in (settings, dict(reversed(settings.items()))):
        assert names(planned(pg.rule("head | stem", **given))) == ["default", "depth 0", "depth 11"]


def test_what_is_frozen_for_the_whole_run_is_in_no_group() -> None:
    plan = planned(pg.rule("blocks | embed", trainable=False))
    assert [name for group in plan.groups for name in group.names] == [
        "stem.weight", "stem.bias", "head.weight", "head.bias",
    ]  # fmt: skip
    assert plan.frozen[0].name == "embed.weight"
    assert len(plan.frozen) == 8


def test_all_frozen_is_a_plan_without_groups() -> None:
    plan = planned(pg.rule("**", trainable=False))
    assert plan.groups == ()
    assert len(plan.frozen) == 12
    assert str(plan).splitlines()[0] == "Plan of 12 parameters in 0 groups, 10 steps"


def test_rows_with_values_of_their_own_are_data_in_their_tensors_group() -> None:
    plan = planned(pg.rule("embed.weight[15:]", lr_scale=10), pg.rule("embed.weight[:2]", weight_decay=0.5))
    group = plan.groups[0]
    assert len(plan.groups) == 1
    assert group.settings()["rows"] == [
        {"name": "embed.weight", "start": 0, "stop": 2, "weight_decay": 0.5},
        {"name": "embed.weight", "start": 15, "stop": 20, "lr": 10.0},
    ]


def test_rows_that_differ_in_nothing_ask_nothing_of_the_optimizer() -> None:
    plan = planned(pg.rule("embed.weight[15:]", lr_scale=1.0))
    assert "rows" not in plan.groups[0].settings()
    assert plan["embed.weight"].parts == ()


def test_rows_that_thaw_alone_bring_only_their_own_tensor_into_a_group() -> None:
    plan = planned(pg.rule("**", trainable=False), pg.rule("embed.weight[15:]", trainable=True))
    assert [group.names for group in plan.groups] == [("embed.weight",)]
    assert plan.groups[0].settings()["lr"] == 0.0
    assert plan.groups[0].settings()["rows"] == [{"name": "embed.weight", "start": 15, "stop": 20, "lr": 1.0}]


def test_param_groups_are_plain_dicts_of_real_numbers() -> None:
    model = Reader()
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.1,
        schedule=cosine(),
        rules=[pg.rule("head", lr_scale=3), pg.rule(":bias", weight_decay=0.0)],
    )
    plan = pg.plan(model, recipe, steps=10)
    groups = plan.param_groups()
    for group in groups:
        assert list(group)[:3] == ["params", "name", "param_names"]
        live = dict(model.named_parameters())
        assert all(
            live[name] is tensor for name, tensor in zip(group["param_names"], group["params"], strict=True)
        )
        assert not [key for key in group if "scale" in key or "mult" in key]
        assert type(group["lr"]) is float
    rates = {name: (group["lr"], group["weight_decay"]) for group in groups for name in group["param_names"]}
    assert rates["head.weight"] == (pytest.approx(0.3), 0.01)
    assert rates["stem.bias"] == (0.1, 0.0)
    assert len(rates) == len(list(model.parameters()))
    torch.optim.AdamW(groups)


def test_each_of_several_optimizers_is_named_in_its_groups() -> None:
    class Mine(torch.optim.SGD):
        pass

    model = Reader()
    rules = [pg.rule("head", optimizer="lion"), pg.rule("stem", optimizer=Mine)]
    plan = pg.plan(model, pg.Recipe(optimizer=torch.optim.AdamW, lr=0.1, rules=rules))
    assert {group["name"]: group["optimizer"] for group in plan.param_groups()} == {
        "default": "adamw", "stem": Mine, "head": "lion"
    }  # fmt: skip
    only = pg.plan(model, pg.Recipe(optimizer="lion", lr=0.1))
    assert "optimizer" not in only.param_groups()[0]


def test_names_do_not_depend_on_what_hashes_the_process_draws() -> None:
    rules = [layer_decay(0.5), pg.rule("head", lr=0.1, lr_scale=2), no_decay()]
    assert names(planned(*rules)) == names(planned(*rules))
    assert names(planned(*rules))[-2:] == ["head", "head, :norm | :bias"]
