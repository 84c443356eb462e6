"""Edits by hand: at once, on top of the schedule, never compounded, never undone."""

import copy
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.errors import CheckpointError, ParamGroupsError, PlanError, RuleError, ScheduleError
from paramgroups.schedules import Schedule, constant, linear, warmup
from tests.run.models import Net, net, train

RULES = [pg.rule("head", lr_scale=10), pg.rule("stem", weight_decay=0.0)]


def built(model: nn.Module, schedule: Schedule | None = None, optimizer: str = "adamw", **said: Any) -> Any:
    recipe = pg.Recipe(optimizer=optimizer, lr=0.1, rules=RULES, schedule=schedule or linear(), **said)
    return pg.build(pg.plan(model, recipe, steps=10))


def rate(optimizer: Any, name: str = "head", hyper: str = "lr") -> Any:
    return next(group[hyper] for group in optimizer.param_groups if group["name"] == name)


def test_scale_acts_at_once_and_on_top_of_the_schedule(model: Net) -> None:
    optimizer, scheduler = built(model)
    train(model, optimizer, scheduler, range(2))
    scheduler.scale("head", 0.5)
    assert rate(optimizer) == 1.0 * 0.5 * 0.8
    assert scheduler.get_last_lr()[-1] == rate(optimizer)
    train(model, optimizer, scheduler, range(2, 5))
    assert rate(optimizer) == 1.0 * 0.5 * 0.5
    assert rate(optimizer, "default") == 0.1 * 0.5


def test_scales_multiply_each_other_once(model: Net) -> None:
    optimizer, scheduler = built(model)
    scheduler.scale("head", 0.5)
    scheduler.scale("head", 0.5)
    train(model, optimizer, scheduler, range(5))
    assert rate(optimizer) == 0.25 * 0.5


def test_set_drops_earlier_factors_and_not_the_schedule(model: Net) -> None:
    optimizer, scheduler = built(model)
    train(model, optimizer, scheduler, range(5))
    scheduler.scale("head", 0.5)
    scheduler.set("head", lr=0.3)
    assert rate(optimizer) == 0.3 * 0.5


def test_scale_after_set_multiplies_it(model: Net) -> None:
    optimizer, scheduler = built(model)
    scheduler.set("head", lr=0.3)
    scheduler.scale("head", 0.5)
    assert rate(optimizer) == 0.15


def test_one_call_reads_in_its_order(model: Net) -> None:
    optimizer, scheduler = built(model)
    scheduler.set("head", lr=0.4, lr_scale=0.5, weight_decay=0.0)
    assert (rate(optimizer), rate(optimizer, hyper="weight_decay")) == (0.2, 0.0)


def test_a_part_of_a_packed_setting(model: Net) -> None:
    optimizer, scheduler = built(model)
    scheduler.set("head", beta1=0.5)
    scheduler.set("stem", betas=(0.1, 0.2))
    assert rate(optimizer, hyper="betas") == (0.5, 0.999)
    assert rate(optimizer, "stem", "betas") == (0.1, 0.2)


def test_the_rate_of_what_is_frozen_is_edited_for_its_thaw(model: Net) -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("stem", trainable=False, until=4)])
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=10))
    scheduler.scale("stem", 0.5)
    assert rate(optimizer, "stem") == 0.05
    assert not model.stem[0].weight.requires_grad


def test_the_plan_knows_nothing_of_edits(model: Net) -> None:
    _, scheduler = built(model)
    before = scheduler.plan.at(3)["head.weight"]
    scheduler.scale("head", 0.5)
    assert scheduler.plan.at(3)["head.weight"] == before


class TestRefused:
    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"momentun": 0.5}, '"momentun" is not read by SGD. Nearest: "momentum"'),
            ({"momentum": 1.5}, "momentum=1.5 is out of its domain"),
            ({"lr": "1e-4"}, "Write it without quotes: 0.0001"),
            ({"lr": math.nan}, "lr=nan is out of its domain"),
            ({"lr_scale": -1}, "a factor is"),
            ({"dampening": "much"}, "dampening='much' is no number. Write one, such as 0"),
            ({"nesterov": 1}, "nesterov=1 is no switch. Write nesterov=True or nesterov=False"),
            ({"nesterov_scale": 0.5}, "nesterov=False is no number, so it cannot be scaled"),
            ({"trainable": False}, "trainable is no setting that an edit can change"),
            ({"moments": "keep"}, "moments is no setting that an edit can change"),
            ({"decay": "independent"}, "decay is no setting that an edit can change"),
            ({"optimizer": "adamw"}, "optimizer is no setting that an edit can change"),
            ({}, "Nothing is set. Write what"),
            ({"lr": pg.per_parameter("x", lambda _: 1.0)}, "cannot differ from row to row"),
        ],
        ids=lambda given: given if isinstance(given, str) else " ".join(given),
    )
    def test_it_is_told_and_nothing_changes(self, model: Net, said: dict[str, Any], why: str) -> None:
        optimizer, scheduler = built(model, optimizer="sgd", momentum=0.9)
        before = copy.deepcopy(scheduler.state_dict()), [dict(group) for group in optimizer.param_groups]
        with pytest.raises(ParamGroupsError) as told:
            scheduler.set("head", **said)
        assert why in str(told.value)
        assert (scheduler.state_dict(), [dict(group) for group in optimizer.param_groups]) == before

    def test_what_leaves_its_domain_later_in_the_run(self, model: Net) -> None:
        recipe = pg.Recipe(
            optimizer="sgd", lr=0.1, momentum=0.5, schedules={"momentum": warmup(5, start=0.1)}, rules=RULES
        )
        optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=10))
        with pytest.raises(PlanError, match=r'momentum of "head" would leave its domain: 1\.05 at step \d'):
            scheduler.set("head", momentum_scale=2.1)
        assert rate(optimizer, hyper="momentum") == 0.05

    def test_factors_that_leave_the_domain_together(self, model: Net) -> None:
        _, scheduler = built(model, optimizer="sgd", momentum=0.5)
        scheduler.set("head", momentum_scale=1.5)
        with pytest.raises(PlanError, match=r"leave its domain: 1\.125"):
            scheduler.set("head", momentum_scale=1.5)
        with pytest.raises(PlanError, match="leave its domain"):
            scheduler.set("**", momentum=0.9, momentum_scale=2.0)

    def test_a_rate_that_overflows(self, model: Net) -> None:
        _, scheduler = built(model)
        scheduler.scale("head", 1e300)
        with pytest.raises(PlanError, match="leave its domain: inf"):
            scheduler.scale("head", 1e300)

    def test_a_factor_that_is_no_number(self, model: Net) -> None:
        _, scheduler = built(model)
        with pytest.raises(RuleError, match=r"lr_scale='0.5' is no number"):
            scheduler.scale("head", "0.5")


class TestSaved:
    def test_edits_survive_a_resume(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(3))
        scheduler.scale("head", 0.5)
        scheduler.set("stem", lr=0.7)
        scheduler.scale("stem", 0.1)
        saved = scheduler.state_dict()
        other, clock = built(model)
        clock.load_state_dict(saved)
        assert clock.get_last_lr() == scheduler.get_last_lr()
        assert clock.journal == scheduler.journal
        clock.scale("head", 0.5)
        assert rate(other) == 1.0 * 0.25 * 0.7

    def test_loading_drops_the_edits_that_were_made_since(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        saved = scheduler.state_dict()
        scheduler.scale("head", 0.5)
        scheduler.load_state_dict(saved)
        assert rate(optimizer) == 1.0
        assert not scheduler.journal

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"names": ["haed.weight"]}, 'names haed.weight, which no group trains. Nearest: "head.weight"'),
            ({"names": ["head.weight"]}, 'would cut the group "head"'),
            ({"hyper": "momentum"}, '"momentum" is not read by AdamW'),
            ({"value": "fast"}, "no state of pg.Scheduler.*fast"),
            ({"value": -1.0}, "no state of pg.Scheduler.*is negative"),
            ({"step": "noon"}, "no state of pg.Scheduler.*noon"),
            ({"step": 10**400}, "no state of pg.Scheduler.*step"),
            ({"names": 3}, "no state of pg.Scheduler.*names=3 is no list"),
        ],
        ids=str,
    )
    def test_an_edit_that_does_not_fit_is_refused(self, model: Net, change: dict[str, Any], why: str) -> None:
        _, scheduler = built(model)
        scheduler.scale("head", 0.5)
        saved = copy.deepcopy(scheduler.state_dict())
        saved["journal"][0].update(change)
        with pytest.raises(CheckpointError, match=why):
            scheduler.load_state_dict(saved)
        assert len(scheduler.journal) == 1


EDITS = st.tuples(
    st.integers(0, 9), st.sampled_from(["head", "stem"]), st.sampled_from(["lr", "lr_scale"]), st.floats(0, 2)
)


@settings(max_examples=40, deadline=None)
@given(said=st.lists(EDITS, max_size=6))
def test_the_rate_is_the_base_the_last_set_the_factors_since_and_the_schedule(
    said: list[tuple[int, str, str, float]],
) -> None:
    model = net()
    optimizer, scheduler = built(model)
    stands = {"head": 1.0, "stem": 0.1}
    for tick in range(10):
        for _, group, key, value in (edit for edit in said if edit[0] == tick):
            scheduler.set(group, **{key: value})
            stands[group] = value if key == "lr" else stands[group] * value
        for group, value in stands.items():
            assert rate(optimizer, group) == value * (1 - tick / 10)
        optimizer.step()
        scheduler.step()


class TestForAWhile:
    def rates(self, model: nn.Module, optimizer: Any, scheduler: pg.Scheduler, steps: range) -> list[float]:
        found = []
        for step in steps:
            found.append(rate(optimizer))
            train(model, optimizer, scheduler, range(step, step + 1))
        return found

    def test_it_ends_by_itself(self, model: Net) -> None:
        optimizer, scheduler = built(model, constant())
        train(model, optimizer, scheduler, range(2))
        (event,) = scheduler.scale("head", 0.5, steps=3)
        assert (event.step, event.until) == (2, 5)
        assert self.rates(model, optimizer, scheduler, range(2, 7)) == [0.5, 0.5, 0.5, 1.0, 1.0]

    @pytest.mark.parametrize("steps", ["30%", "3 steps", 3], ids=str)
    def test_its_length_is_a_length(self, model: Net, steps: Any) -> None:
        _, scheduler = built(model)
        assert scheduler.scale("head", 0.5, steps=steps)[0].until == 3

    def test_two_that_overlap_multiply(self, model: Net) -> None:
        optimizer, scheduler = built(model, constant())
        scheduler.scale("head", 0.5, steps=4)
        train(model, optimizer, scheduler, range(2))
        scheduler.scale("head", 0.1, steps=4)
        assert self.rates(model, optimizer, scheduler, range(2, 8)) == [0.05, 0.05, 0.1, 0.1, 1.0, 1.0]

    def test_a_set_within_a_scale_drops_it_while_it_lasts(self, model: Net) -> None:
        optimizer, scheduler = built(model, constant())
        scheduler.scale("head", 0.5, steps=5)
        train(model, optimizer, scheduler, range(1))
        scheduler.set("head", lr=0.3, steps=2)
        assert self.rates(model, optimizer, scheduler, range(1, 7)) == [0.3, 0.3, 0.5, 0.5, 1.0, 1.0]

    def test_a_scale_within_a_set_multiplies_it(self, model: Net) -> None:
        optimizer, scheduler = built(model, constant())
        scheduler.set("head", lr=0.5, steps=4)
        scheduler.scale("head", 0.5, steps=2)
        assert self.rates(model, optimizer, scheduler, range(5)) == [0.25, 0.25, 0.5, 0.5, 1.0]

    def test_at_one_tick_the_order_counts(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        scheduler.scale("head", 0.5)
        scheduler.set("head", lr=0.4)
        scheduler.set("stem", lr=0.4)
        scheduler.scale("stem", 0.5)
        assert (rate(optimizer), rate(optimizer, "stem")) == (0.4, 0.2)

    def test_the_schedule_goes_on_below_it(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        scheduler.scale("head", 0.5, steps=2)
        assert self.rates(model, optimizer, scheduler, range(4)) == [0.5, 0.45, 0.8, 1 - 3 / 10]

    def test_any_hyperparameter(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        scheduler.set("head", weight_decay=0.5, beta1=0.1, steps=1)
        assert (rate(optimizer, hyper="weight_decay"), rate(optimizer, hyper="betas")) == (0.5, (0.1, 0.999))
        train(model, optimizer, scheduler, range(1))
        assert (rate(optimizer, hyper="weight_decay"), rate(optimizer, hyper="betas")) == (0.01, (0.9, 0.999))

    @pytest.mark.parametrize(
        ("steps", "why"),
        [
            (0, "steps=0 is no tick at all. Give at least 1"),
            ("1%", "steps='1%' is no tick at all"),
            (-1, "steps=-1"),
            (1.5, "steps=1.5"),
            ("2 epochs", "how long an epoch is was not told"),
            ("soon", "steps='soon'"),
            (True, "steps=True"),
            ([1], r"steps=\[1\]"),
        ],
        ids=str,
    )
    def test_what_is_no_length(self, model: Net, steps: Any, why: str) -> None:
        _, scheduler = built(model)
        with pytest.raises(ScheduleError, match=why):
            scheduler.scale("head", 0.5, steps=steps)
        assert not scheduler.journal

    def test_a_share_of_a_training_without_an_end(self, model: Net) -> None:
        _, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1)))
        with pytest.raises(ScheduleError, match="a share of a training without a known end"):
            scheduler.scale("**", 0.5, steps="10%")

    def test_epochs_of_a_known_length(self, model: Net) -> None:
        plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1), epochs=4, steps_per_epoch=5)
        _, scheduler = pg.build(plan)
        assert scheduler.scale("**", 0.5, steps="2 epochs")[0].until == 10


def test_a_jump_back_hears_what_was_decided_in_its_order(model: Net) -> None:
    optimizer, scheduler = built(model, constant())
    optimizer.step()
    scheduler.step(8)
    optimizer.param_groups[-1]["lr"] = 0.5
    scheduler.step(4)
    assert rate(optimizer) == 1.0
    scheduler.scale("head", 0.5)
    scheduler.step(8)
    assert rate(optimizer) == 0.25


def test_whole_numbers_without_end(model: Net) -> None:
    _, scheduler = built(model)
    scheduler.set("head", lr=10**200)
    with pytest.raises(PlanError, match="leave its domain: inf"):
        scheduler.set("head", lr_scale=10**200)


def test_edits_past_the_end_are_checked_at_what_stands_there(model: Net) -> None:
    recipe = pg.Recipe(
        optimizer="sgd", lr=0.1, momentum=0.5, schedules={"momentum": linear(end=0.5)}, rules=RULES
    )
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=4))
    train(model, optimizer, scheduler, range(6))
    scheduler.set("head", momentum_scale=3.0)
    assert rate(optimizer, hyper="momentum") == 0.75
