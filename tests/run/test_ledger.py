"""When decisions act: the journal tells what every update was made with, and hosts see a change at once."""

import warnings
from typing import Any

import pytest
from torch import nn

import paramgroups as pg
from paramgroups.errors import CheckpointError, NoMatchError, PlanError, RuleError
from paramgroups.schedules import linear
from tests.run.models import Net, net

GROUPS = [pg.rule("head", lr_scale=10, group="head"), pg.rule("stem", group="stem")]
CUT = pg.control.plateau("head", "loss", factor=0.5, patience=0)


def recipe(**settings: Any) -> pg.Recipe:
    asked: dict[str, Any] = {"optimizer": "sgd", "lr": 1.0, "rules": GROUPS, "schedule": linear()} | settings
    return pg.Recipe(**asked)


def decide(way: str, optimizer: Any, scheduler: pg.Scheduler) -> None:
    """Halve the head's rate, each in its way."""
    if way == "scale":
        scheduler.scale("head", 0.5)
    elif way == "observe":
        scheduler.observe(loss=1.0)
    else:
        group = next(group for group in optimizer.param_groups if group["name"] == "head")
        group["lr"] *= 0.5


@pytest.mark.parametrize("way", ["scale", "observe", "write"])
@pytest.mark.parametrize("after", [False, True], ids=["before the update", "after it"])
def test_the_journal_gives_the_rate_that_each_update_was_made_with(way: str, after: bool) -> None:  # noqa: FBT001
    model = net()
    plan = pg.plan(model, recipe(controllers=[CUT] * (way == "observe")), epochs=6)
    optimizer, scheduler = pg.build(plan)
    used = []
    for epoch in range(6):
        if epoch == 2 and not after:
            decide(way, optimizer, scheduler)
        used.append(next(group["lr"] for group in optimizer.param_groups if group["name"] == "head"))
        optimizer.step()
        if epoch == 2 and after:
            decide(way, optimizer, scheduler)
        if way == "observe" and epoch == 1:
            scheduler.observe(loss=0.5)
        scheduler.step()
    assert plan.replay(scheduler.journal).curve("head.weight") == used
    assert [event.step for event in scheduler.journal] == [3 if after else 2]
    assert used[4] == 0.5 * plan.curve("head.weight")[4]


def test_a_decision_after_an_update_is_seen_at_once_by_its_groups_alone() -> None:
    model = net()
    rules = [*GROUPS, pg.rule("stem", lr_scale=0.1, start=1)]
    optimizer, scheduler = pg.build(pg.plan(model, recipe(rules=rules), steps=10))
    optimizer.step()
    before = scheduler.rates
    scheduler.scale("head", 0.5)
    assert scheduler.rates == before | {"head": 5.0}
    scheduler.step()
    assert scheduler.rates["head"] == 4.5
    assert scheduler.rates["stem"] == 0.1 * 0.9


def test_after_a_jump_to_a_fraction_a_decision_acts_from_the_next_one_on() -> None:
    model = net()
    optimizer, scheduler = pg.build(pg.plan(model, recipe(), steps=10))
    optimizer.step()
    scheduler.step(0.5)
    optimizer.step()
    scheduler.scale("head", 0.5)
    scheduler.step(0.75)
    assert scheduler.rates["head"] == 10 * 0.5 * 0.925
    assert 0.5 < scheduler.journal[0].step < 0.5000001


def test_a_run_that_is_saved_between_an_update_and_its_tick_goes_on_exactly() -> None:
    plan = pg.plan(net(), recipe(), steps=10)
    optimizer, scheduler = pg.build(plan, net())
    optimizer.step()
    scheduler.scale("head", 0.5)
    other, again = pg.build(plan, net())
    other.load_state_dict(optimizer.state_dict())
    again.load_state_dict(scheduler.state_dict())
    assert again.rates == scheduler.rates
    assert again.rates["head"] == 5.0
    for clock in (scheduler, again):
        clock.step()
    assert again.rates == scheduler.rates
    assert again.journal == scheduler.journal


class TestAPartOfTheModel:
    def test_hears_of_what_others_hold(self) -> None:
        model = net()
        plan = pg.plan(model, recipe(controllers=[CUT]), steps=10)
        stage = nn.ModuleDict({"stem": model.stem})
        _, scheduler = pg.build(plan, stage)
        _, whole = pg.build(plan)
        for clock in (scheduler, whole):
            clock.observe(loss=1.0)
            clock.observe(loss=1.0)
            clock.scale("**", 0.5)
        assert scheduler.journal == whole.journal
        assert list(scheduler.rates) == ["stem"]
        assert scheduler.rates["stem"] == whole.rates["stem"] == 0.5

    def test_takes_the_state_of_the_whole(self) -> None:
        model = net()
        plan = pg.plan(model, recipe(), steps=10)
        _, whole = pg.build(plan)
        whole.scale("head", 0.5)
        _, scheduler = pg.build(plan, nn.ModuleDict({"stem": model.stem}))
        scheduler.load_state_dict(whole.state_dict())
        assert scheduler.journal == whole.journal


class TestRefused:
    def test_a_replayed_plan_is_to_look_at(self, model: Net) -> None:
        plan = pg.plan(model, recipe(), steps=10)
        optimizer, scheduler = pg.build(plan)
        scheduler.scale("head", 0.5)
        replayed = plan.replay(scheduler.journal)
        assert "lr: 5 -> 10" in str(replayed.diff(plan))
        for build in (lambda: pg.build(replayed), lambda: pg.Scheduler(optimizer, replayed)):
            with pytest.raises(PlanError, match="replayed with a journal, to look at"):
                build()

    def test_a_state_in_other_ticks(self, model: Net) -> None:
        _, scheduler = pg.build(pg.plan(model, recipe(), steps=20))
        _, other = pg.build(pg.plan(model, recipe(), epochs=20))
        with pytest.raises(CheckpointError, match="A tick was one step in the saved run, and is one epoch"):
            other.load_state_dict(scheduler.state_dict())

    def test_groups_in_other_places(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, recipe(), steps=20))
        optimizer.param_groups.reverse()
        optimizer.step()
        with pytest.raises(PlanError, match=r"Group 0 of the optimizer is named .* and was"):
            scheduler.step()

    def test_a_finder(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, recipe(), steps=20))
        with pytest.raises(PlanError, match=r"one rate into all groups at every tick, as a finder does"):  # noqa: PT012
            for step in range(3):
                for group in optimizer.param_groups:
                    group["lr"] = 1e-3 * 2**step
                optimizer.step()
                scheduler.step()

    @pytest.mark.parametrize("word", ["schedule", "group", "until", "start", "clock"])
    def test_what_is_for_the_recipe(self, model: Net, word: str) -> None:
        _, scheduler = pg.build(pg.plan(model, recipe(), steps=20))
        with pytest.raises(PlanError, match=f"{word}= is for the recipe"):
            scheduler.set("head", **{word: 3})

    def test_a_switch_that_shapes_the_state(self, model: Net) -> None:
        _, scheduler = pg.build(pg.plan(model, recipe(optimizer="adamw"), steps=20))
        with pytest.raises(PlanError, match="amsgrad=False decides what the optimizer remembers"):
            scheduler.set("**", amsgrad=True)

    def test_one_controller_twice(self) -> None:
        with pytest.raises(RuleError, match="twice"):
            recipe(controllers=[CUT, CUT])


def test_a_switch_that_is_turned_by_hand_stays(model: Net) -> None:
    optimizer, scheduler = pg.build(pg.plan(model, recipe(momentum=0.9), steps=20))
    optimizer.param_groups[0]["nesterov"] = True
    optimizer.step()
    scheduler.step()
    scheduler.scale("**", 0.5)
    assert optimizer.param_groups[0]["nesterov"] is True
    scheduler.set("**", nesterov=False)
    assert optimizer.param_groups[0]["nesterov"] is False


def test_the_journal_is_a_copy(model: Net) -> None:
    _, scheduler = pg.build(pg.plan(model, recipe(), steps=20))
    scheduler.scale("head", 0.5)
    journal = scheduler.journal
    journal.append(journal[0])
    assert (len(journal), len(scheduler.journal)) == (2, 1)


def test_a_group_that_joined_is_explained_and_is_part_of_all(model: Net) -> None:
    plan = pg.plan(model, recipe(), steps=10)
    optimizer, scheduler = pg.build(plan)
    adapter = list(nn.Linear(2, 2).named_parameters(prefix="adapter"))
    optimizer.add_param_group({"params": adapter, "lr": 2.0, "name": "adapter"})
    optimizer.step()
    scheduler.step()
    scheduler.scale("**", 0.5)
    assert scheduler.rates["adapter"] == 2.0 * 0.5 * 0.9
    told = scheduler.explain("adapter.weight")
    assert told.title == 'joined while training, group "adapter"'
    assert told.chains["lr"][0].startswith("0.9 = 2 (add_param_group, step 0) × 0.5 (scale, step 1) × 0.9")
    assert plan.replay(scheduler.journal).curve("adapter.bias")[1] == 0.9


def test_a_rate_that_is_set_anew_drops_what_controllers_made_of_it(model: Net) -> None:
    greedy = pg.control.greedy("**", "loss", patience=0, factor=0.5, floor=0.25, restart=2)
    floor = pg.control.plateau("**", "val", patience=0, factor=0.1, floor=0.1)
    asked = recipe(controllers=[greedy, floor], schedule=None, rules=[])
    _, scheduler = pg.build(pg.plan(model, asked, steps=20))
    for _ in range(3):
        scheduler.observe(loss=1.0, val=1.0)
    assert scheduler.get_last_lr()[0] == pytest.approx(2 * 0.5 * 0.5 * 0.1)
    scheduler.set("**", lr=0.1)
    scheduler.observe(loss=1.0)
    assert scheduler.get_last_lr()[0] == pytest.approx(
        0.05
    )  # a cut, and not a restart from factors that are gone
    scheduler.observe(val=1.0)
    assert scheduler.get_last_lr()[0] == pytest.approx(0.005)  # as far above its floor as at the start


def test_a_metric_that_is_given_as_a_tick_is_told(model: Net) -> None:
    optimizer, scheduler = pg.build(pg.plan(model, recipe(controllers=[CUT]), steps=20))
    scheduler.observe(loss=1.0)
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    with pytest.warns(UserWarning, match=r"goes back to that step. A metric is told by scheduler\.observe"):
        scheduler.step(0.8)


def test_training_long_past_its_end_is_told_once(model: Net) -> None:
    optimizer, scheduler = pg.build(pg.plan(model, recipe(), epochs=2))
    told = []
    for tick in range(1, 30):
        optimizer.step()
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            scheduler.step()
        told += [(tick, str(one.message)) for one in found]
    assert [tick for tick, _ in told] == [13]
    assert "10 epochs past its end, 2 epochs" in told[0][1]


def test_a_controller_that_is_given_the_name_of_a_group_is_told_its_selector(model: Net) -> None:
    named = recipe(rules=[pg.rule("head", group="top")], controllers=[pg.control.plateau("top", "loss")])
    with pytest.raises(NoMatchError, match='It names a group, and a controller takes a selector: "head"'):
        pg.plan(model, named, steps=20)


def test_a_metric_that_is_never_a_number_was_never_seen(model: Net) -> None:
    optimizer, scheduler = pg.build(pg.plan(model, recipe(controllers=[CUT]), steps=20))
    scheduler.observe(loss=float("nan"))
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    optimizer.step()
    with pytest.warns(UserWarning, match="nothing was observed"):
        scheduler.step()


def test_what_a_controller_sees_is_dated_as_what_it_decides(model: Net) -> None:
    def cut(_: Any, seen: pg.control.Observation) -> Any:
        return None, [pg.rule("head", lr_scale=0.5, until=int(seen.step) + 2)]

    once = pg.control.function("cut", cut, selector="head", metric="loss")
    model = net()
    plan = pg.plan(model, recipe(controllers=[once], schedule=None), steps=20)
    optimizer, scheduler = pg.build(plan)
    optimizer.step()
    scheduler.observe(loss=1.0)
    assert plan.replay(scheduler.journal).curve("head.weight")[:5] == [10.0, 5.0, 5.0, 10.0, 10.0]


def test_a_group_that_joins_between_an_update_and_its_tick_is_dated_as_edits_are() -> None:
    plan = pg.plan(net(), recipe(), steps=10)

    def begun() -> Any:
        optimizer, scheduler = pg.build(plan, net())
        optimizer.step()
        return optimizer, scheduler

    def join(optimizer: Any) -> None:
        adapter = list(nn.Linear(2, 2).named_parameters(prefix="adapter"))
        optimizer.add_param_group({"params": adapter, "lr": 2.0, "name": "adapter"})

    optimizer, scheduler = begun()
    scheduler.scale("head", 0.5)
    join(optimizer)
    saved = optimizer.state_dict(), scheduler.state_dict()
    assert [event.step for event in scheduler.journal] == [1, 1]
    other, again = begun()
    join(other)
    other.load_state_dict(saved[0])
    again.load_state_dict(saved[1])
    assert again.rates == scheduler.rates
    assert again.rates["head"] == 5.0
