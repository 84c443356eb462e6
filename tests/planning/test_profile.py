"""The cascade by numbers that a reader can check."""

import pytest
import torch

import paramgroups as pg
from paramgroups.errors import ParamGroupsError
from paramgroups.schedules import constant, linear, warmup
from tests.planning.models import planned


def test_rules_act_from_top_to_bottom() -> None:
    plan = planned(pg.rule("head", lr_scale=10), pg.rule("**", lr_scale=0.5), pg.rule(":bias", lr=0.3))
    assert (plan["head.weight"].lr, plan["head.bias"].lr, plan["stem.weight"].lr) == (5.0, 0.3, 0.5)


def test_a_set_drops_what_stood_before_and_a_later_scale_multiplies_it() -> None:
    plan = planned(pg.rule("head", lr_scale=10), pg.rule("head", lr=0.2), pg.rule("head", lr_scale=3))
    assert plan["head.weight"].lr == pytest.approx(0.6)


def test_a_set_never_drops_the_schedule() -> None:
    plan = planned(pg.rule("head", lr=0.2), schedule=linear())
    assert plan.curve("head.weight")[:3] == pytest.approx([0.2, 0.18, 0.16])


def test_one_hyperparameter_never_disturbs_another() -> None:
    plan = planned(pg.rule("head", lr=0.2, weight_decay=0.3), pg.rule("head", beta1=0.5), weight_decay=0.1)
    row = plan["head.weight"]
    assert (row.lr, row.weight_decay, row.beta1, row.beta2) == (0.2, 0.3, 0.5, 0.999)


def test_betas_are_short_for_their_parts() -> None:
    plan = planned(pg.rule("head", betas=(0.5, 0.6)), pg.rule("head", beta2=0.7), betas=(0.1, 0.2))
    assert (plan["head.weight"].betas, plan["stem.weight"].betas) == ((0.5, 0.7), (0.1, 0.2))


def test_zero_is_a_value() -> None:
    plan = planned(pg.rule("head", lr=0.0, weight_decay=0.0), weight_decay=0.1)
    assert (plan["head.weight"].lr, plan["head.weight"].weight_decay) == (0.0, 0.0)
    assert "head.weight" in {name for group in plan.groups for name in group.names}


def test_what_is_unset_has_the_default_of_the_class() -> None:
    assert planned()["head.weight"].weight_decay == 0.01
    assert planned(optimizer="sgd")["head.weight"].momentum == 0


def test_windows_are_half_open_and_outside_of_them_the_rule_is_not_there() -> None:
    plan = planned(pg.rule("head", lr_scale=0.1, start=3, until="50%"), pg.rule("head", lr_scale=2))
    assert plan.curve("head.weight") == pytest.approx([2, 2, 2, 0.2, 0.2, 2, 2, 2, 2, 2])


def test_a_windowed_set_lets_what_it_dropped_be_heard_again_afterwards() -> None:
    plan = planned(pg.rule("head", lr_scale=4), pg.rule("head", lr=0.5, until=2))
    assert plan.curve("head.weight") == [0.5, 0.5] + [4.0] * 8


def test_past_the_end_the_last_values_are_held() -> None:
    plan = planned(pg.rule("head", lr_scale=0.1, until=15), pg.rule("stem", lr_scale=0.1, start=12))
    assert [plan.at(step)["head.weight"].lr for step in (0, 9, 10, 20)] == [0.1] * 4
    assert [plan.at(step)["stem.weight"].lr for step in (0, 9, 12, 20)] == [1.0] * 4


def test_frozen_beyond_the_end_is_frozen_for_the_whole_run() -> None:
    plan = planned(pg.rule("stem", trainable=False, until=50))
    assert [row.name for row in plan.frozen] == ["stem.weight", "stem.bias", "old.weight"]


def test_a_clock_from_the_thaw_counts_what_remains() -> None:
    freeze = pg.rule("stem", trainable=False, until="60%", clock="thaw")
    plan = planned(freeze, schedule=linear())
    assert plan.curve("stem.weight") == pytest.approx([1.0] * 7 + [0.75, 0.5, 0.25])
    assert plan.curve("head.weight")[6] == pytest.approx(0.4)
    assert (plan["stem.weight"].lr, plan["stem.weight"].trainable) == (1.0, True)


def test_percentages_of_a_clock_from_the_thaw_are_of_what_remains() -> None:
    rule = pg.rule("stem", trainable=False, until=6, clock="thaw", schedule=warmup("50%").then(constant()))
    assert planned(rule).curve("stem.weight") == [0.5] * 7 + [1.0] * 3


def test_a_schedule_beside_a_freeze_is_for_after_the_thaw_and_elsewhere_within_its_window() -> None:
    thaw = planned(pg.rule("stem", trainable=False, until=5, clock="thaw", schedule=linear()))
    assert thaw.curve("stem.weight") == pytest.approx([1.0] * 6 + [0.8, 0.6, 0.4, 0.2])
    window = planned(pg.rule("stem", start=5, schedule=constant(0.5)))
    assert window.curve("stem.weight") == [1.0] * 5 + [0.5] * 5


def test_each_thaw_begins_the_clock_anew() -> None:
    plan = planned(
        pg.rule("stem", trainable=False, until=2),
        pg.rule("stem", trainable=False, start=4, until=6),
        pg.rule("stem", clock="thaw"),
        schedule=linear(),
    )
    assert plan.curve("stem.weight", "trainable") == [step in {2, 3, 6, 7, 8, 9} for step in range(10)]
    expected = [1, 1, 1, 7 / 8, 6 / 8, 5 / 8, 1, 3 / 4, 2 / 4, 1 / 4]
    assert plan.curve("stem.weight") == pytest.approx(expected)


def test_what_is_trained_from_the_start_does_not_wait_for_a_later_thaw() -> None:
    plan = planned(
        pg.rule("stem", trainable=False, start=4, until=6), pg.rule("stem", clock="thaw"), schedule=linear()
    )
    assert plan.curve("stem.weight")[:4] == pytest.approx([1.0, 0.9, 0.8, 0.7])


def test_a_schedule_of_another_hyperparameter_leaves_the_clock_of_the_rate_alone() -> None:
    plan = planned(
        pg.rule("stem", trainable=False, until=6, clock="thaw"),
        pg.rule("**", schedules={"weight_decay": linear()}),
        schedule=linear(),
        weight_decay=1.0,
    )
    assert plan.curve("stem.weight")[6:] == pytest.approx([1.0, 0.75, 0.5, 0.25])
    assert plan.curve("stem.weight", "weight_decay")[6:] == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_a_rule_may_have_a_schedule_of_its_own() -> None:
    plan = planned(pg.rule("head", schedule=constant(0.5)), schedule=linear())
    assert plan.curve("head.weight") == [0.5] * 10
    assert plan.curve("stem.weight")[9] == pytest.approx(0.1)


def test_schedules_of_other_hyperparameters() -> None:
    half = {"weight_decay": constant(0.5), "momentum": linear()}
    plan = planned(optimizer="sgd", weight_decay=0.2, momentum=0.8, schedules=half)
    assert plan.curve("stem.weight", "weight_decay") == [0.1] * 10
    assert plan.curve("stem.weight", "momentum")[5] == pytest.approx(0.4)
    assert plan.curve("stem.weight") == [1.0] * 10
    betas = planned(schedules={"beta1": linear(end=0.5)}, betas=(0.8, 0.9)).curve("stem.weight", "betas")
    assert betas[0] == (0.8, 0.9)
    assert betas[5] == pytest.approx((0.6, 0.9))


def test_a_rule_may_name_another_optimizer_with_its_own_defaults() -> None:
    plan = planned(pg.rule("head", optimizer="sgd", momentum=0.9), weight_decay=0.2, betas=(0.5, 0.6))
    head, stem = plan["head.weight"], plan["stem.weight"]
    assert (head.optimizer, head.momentum, head.weight_decay, head.lr) == ("sgd", 0.9, 0.2, 1.0)
    assert (stem.optimizer, stem.betas) == ("adamw", (0.5, 0.6))
    assert not hasattr(head, "beta1")
    assert head.origin("optimizer") == 'rule 1 "head"'
    assert stem.origin("optimizer") == "recipe"


def test_the_optimizer_may_be_a_class() -> None:
    assert planned(pg.rule("head", optimizer=torch.optim.SGD))["head.weight"].optimizer == "sgd"


def test_values_may_be_functions_of_the_row() -> None:
    plan = planned(pg.rule("**", lr_scale=pg.per_parameter("1/rows", lambda row: 1 / row.shape[0])))
    assert (plan["head.weight"].lr, plan["stem.bias"].lr, plan["embed.weight"].lr) == (1 / 3, 0.25, 0.05)


def test_trainable_may_be_a_function_of_the_row() -> None:
    plan = planned(pg.rule("**", trainable=pg.per_parameter("big", lambda row: row.numel > 4)))
    assert [row.name for row in plan.rows if not row.trainable] == [
        "stem.bias", "blocks.0.norm.weight", "blocks.1.norm.weight", "head.bias",
    ]  # fmt: skip


def test_a_rule_may_thaw_what_came_frozen() -> None:
    plan = planned(pg.rule("old", trainable=True, start=4))
    assert plan.curve("old.weight", "trainable") == [False] * 4 + [True] * 6


def test_a_plan_of_epochs_ticks_once_an_epoch() -> None:
    recipe = pg.Recipe(
        optimizer="sgd", lr=1.0, schedule=linear(), rules=[pg.rule("head", lr=0.5, until="1 epoch")]
    )
    model = torch.nn.ModuleDict({"head": torch.nn.Linear(2, 2)})
    assert pg.plan(model, recipe, epochs=4).curve("head.weight") == [0.5, 0.75, 0.5, 0.25]
    by_step = pg.plan(model, recipe, epochs=2, steps_per_epoch=2).curve("head.weight")
    assert by_step == [0.5, 0.375, 0.5, 0.25]


def test_without_a_known_end_there_are_constants_and_windows() -> None:
    plan = planned(pg.rule("head", lr_scale=0.5, start=100), steps=None, schedule=warmup(4).then(constant()))
    assert [plan.at(step)["head.weight"].lr for step in (0, 3, 99, 100, 10**9)] == [0.25, 1, 1, 0.5, 0.5]


def trained(plan: pg.Plan, name: str = "head.weight") -> list[float]:
    return [round(rate, 9) for rate in plan.curve(name)]


class TestRewarm:
    """After a thaw the rate rises to where its schedule has it."""

    def test_it_is_a_factor_on_top_of_the_schedule(self) -> None:
        plan = planned(pg.rule("head", trainable=False, until=4, rewarm=4), schedule=linear())
        assert trained(plan) == [1, 0.9, 0.8, 0.7, 0.15, 0.25, 0.3, 0.3, 0.2, 0.1]

    def test_without_a_schedule_there_is_the_ramp_alone(self) -> None:
        plan = planned(pg.rule("head", trainable=False, until="40%", rewarm="20%"))
        assert trained(plan) == [1, 1, 1, 1, 0.5, 1, 1, 1, 1, 1]

    def test_what_is_trained_from_the_start_has_none(self) -> None:
        plan = planned(pg.rule("head", trainable=False, start=4), rewarm=3)
        assert trained(plan) == [1] * 10
        assert len(planned(rewarm=3).groups) == 1

    def test_each_thaw_has_its_own(self) -> None:
        rules = [
            pg.rule("head", trainable=False, until=2, rewarm=2),
            pg.rule("head", trainable=False, start=5, until=6, rewarm=4),
        ]
        assert trained(planned(*rules)) == [1, 1, 0.5, 1, 1, 1, 0.25, 0.5, 0.75, 1]

    def test_a_thaw_without_one_ends_that_of_the_thaw_before(self) -> None:
        rules = [
            pg.rule("head", trainable=False, until=2, rewarm=8),
            pg.rule("head", trainable=False, start=3, until=5),
        ]
        assert trained(planned(*rules)) == [1, 1, 0.125, 0.25, 0.375, 1, 1, 1, 1, 1]

    def test_one_that_is_longer_than_what_remains_never_ends(self) -> None:
        plan = planned(pg.rule("head", trainable=False, until=8, rewarm=50))
        assert trained(plan)[7:] == [1, 0.02, 0.04]

    def test_it_goes_with_a_clock_from_the_thaw(self) -> None:
        rule = pg.rule("head", trainable=False, until=5, rewarm=2, clock="thaw", schedule=linear())
        assert trained(planned(rule))[4:] == [1, 0.5, 0.8, 0.6, 0.4, 0.2]

    def test_the_recipe_gives_it_to_all_and_a_rule_takes_it_off(self) -> None:
        freeze = pg.rule("**", trainable=False, until=5)
        plan = planned(freeze, pg.rule("stem", rewarm=None), rewarm=5)
        assert trained(plan)[4:] == [1, 0.2, 0.4, 0.6, 0.8, 1]
        assert trained(plan, "stem.weight") == [1] * 10

    def test_a_rule_that_only_gives_it_does_so_in_its_window(self) -> None:
        freezes = [
            pg.rule("head", trainable=False, until=2),
            pg.rule("head", trainable=False, start=4, until=6),
        ]
        plan = planned(*freezes, pg.rule("head", rewarm=2, start=3))
        assert trained(plan) == [1, 1, 1, 1, 1, 1, 0.5, 1, 1, 1]

    def test_it_is_the_rates_alone(self) -> None:
        plan = planned(pg.rule("head", trainable=False, until=4, rewarm=4), weight_decay=0.1)
        assert plan.curve("head.weight", "weight_decay") == [0.1] * 10

    def test_rows_of_a_tensor_have_it(self) -> None:
        plan = planned(pg.rule("embed.weight[10:]", trainable=False, until=5, rewarm=4))
        (group,) = [group for group in plan.groups if group.segments]
        found = [group.own(group.segments[0])["lr"].at(tick) for tick in range(10)]
        assert found == [0, 0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1]

    def test_epochs_may_be_ticks(self) -> None:
        recipe = pg.Recipe(
            optimizer="sgd",
            lr=1.0,
            rules=[pg.rule("weight", trainable=False, until="2 epochs", rewarm="2 epochs")],
        )
        plan = pg.plan(torch.nn.Linear(2, 1), recipe, epochs=5)
        assert plan.curve("weight") == [1, 1, 0.5, 1, 1]
        assert plan.at(2.5)["weight"].lr == 0.75

    def test_a_function_of_the_row_gives_it(self) -> None:
        value = pg.per_parameter("by shape", lambda row: 2 * row.ndim)
        plan = planned(pg.rule("head", trainable=False, until=1, rewarm=value))
        assert [plan.at(1)[name].lr for name in ("head.weight", "head.bias")] == [0.25, 0.5]

    def test_a_share_of_an_unknown_length_is_refused_with_its_rule(self) -> None:
        recipe = pg.Recipe(
            optimizer="sgd", lr=1.0, rules=[pg.rule("weight", trainable=False, until=3, rewarm="2%")]
        )
        with pytest.raises(ParamGroupsError, match=r"rewarm.*\n  Rule 1 of recipe"):
            pg.plan(torch.nn.Linear(2, 1), recipe)

    def test_it_is_told(self) -> None:
        plan = planned(pg.rule("head", trainable=False, until=4, rewarm=4), schedule=linear())
        (line,) = plan.explain("head.weight", step=5).chains["lr"]
        assert line == "0.25 = 1 (recipe) × 0.5 (linear() at 50%) × 0.5 (rewarm, 2 of 4)"
        assert plan.explain("head.weight").chains["lr"] == [
            "1 (recipe)",
            "× linear() (recipe)",
            "from step 4 × linear() (recipe) × rewarm over 4 steps",
            "from step 8 × linear() (recipe)",
        ]
        assert "linear() | linear() × rewarm(4)" in str(plan)
        assert plan.explain("head.weight", step=4).chains["rewarm"] == ['4 (rule 1 "head")']
        assert "rewarm" not in plan.explain("head.weight", step=5).chains


class TestOwn:
    """What no optimizer reads."""

    def test_it_holds_within_the_window_that_freezes(self) -> None:
        rule = pg.rule("head", trainable=False, start=3, until=6, moments="keep", dropout=False)
        profile = planned(rule).group_of["head.weight"].profile
        assert [profile.moments.at(tick) for tick in (2, 3, 5, 6)] == ["clean", "keep", "keep", "clean"]
        assert [profile.dropout.at(tick) for tick in (2, 3, 5, 6)] == [True, False, False, True]

    def test_the_recipe_is_the_base_of_the_cascade(self) -> None:
        plan = planned(pg.rule("head", moments="clean"), moments="keep", dropout=False)
        row = plan["head.weight"]
        assert (row.moments, row.dropout, row.rewarm, row.decay) == ("clean", False, None, "coupled")
        assert (plan["stem.weight"].moments, plan["stem.weight"].origin("moments")) == ("keep", "recipe")
        assert (row.origin("moments"), row.origin("rewarm")) == ('rule 1 "head"', "default")
        assert plan.curve("stem.weight", "moments") == ["keep"] * 10

    def test_groups_share_what_agrees(self) -> None:
        assert [group.name for group in planned(pg.rule("head", moments="keep")).groups] == [
            "default",
            "head",
        ]
        assert len(planned(moments="keep").groups) == 1
        assert len(planned(pg.rule("head", moments="clean")).groups) == 1

    def test_it_is_said_where_it_is_not_the_default(self) -> None:
        plan = planned(pg.rule("head", dropout=False))
        assert plan.explain("head.weight").chains["dropout"] == ['no (rule 1 "head")']
        assert not {"dropout", "moments", "rewarm"} & plan.explain("stem.weight").chains.keys()
        assert set(planned().rows[0].values) == set(planned(dropout=True).rows[0].values)

    def test_a_difference_is_told(self) -> None:
        changes = planned().diff(planned(pg.rule("head", moments="keep", start=5), dropout=False)).changes
        assert {(one.hyper, one.over_time) for one in changes} == {("moments", True), ("dropout", False)}
