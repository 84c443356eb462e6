"""Training that turns out longer, or shorter, than was planned."""

from typing import Any

import pytest
from torch import nn

import paramgroups as pg
from paramgroups.errors import ParamGroupsError, PlanError, ScheduleError
from paramgroups.schedules import cosine, linear, warmup
from tests.run.histories import planned, standing
from tests.run.models import Net, train


def built(model: nn.Module, *, rules: Any = (), schedule: Any = None, **horizon: Any) -> Any:
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, rules=rules, schedule=schedule or linear())
    return pg.build(pg.plan(model, recipe, **(horizon or {"steps": 10})))


def rate(optimizer: Any) -> float:
    return float(optimizer.param_groups[0]["lr"])


def curve(scheduler: pg.Scheduler, name: str = "head.weight") -> list[float]:
    return scheduler.plan.replay(scheduler.journal).curve(name)


@pytest.mark.parametrize(("steps", "now"), [(20, 0.8), (8, 0.5), (5, 0.2), (10, 0.6)], ids=str)
def test_schedules_go_by_the_new_length_at_once(model: Net, steps: int, now: float) -> None:
    optimizer, scheduler = built(model)
    train(model, optimizer, scheduler, range(4))
    (event,) = scheduler.extend(steps=steps)
    assert (event.old, event.new, event.step) == (10, steps, 4)
    assert rate(optimizer) == scheduler.get_last_lr()[0] == pytest.approx(now)
    assert curve(scheduler)[:4] == [1.0, 0.9, 0.8, pytest.approx(0.7)]
    assert len(curve(scheduler)) == steps
    train(model, optimizer, scheduler, range(4, steps))
    assert rate(optimizer) == pytest.approx(0.0)


def test_twice(model: Net) -> None:
    optimizer, scheduler = built(model)
    scheduler.extend(steps=20)
    train(model, optimizer, scheduler, range(4))
    scheduler.extend(steps=16)
    assert curve(scheduler)[:5] == [1.0, 0.95, 0.9, 0.85, 0.75]
    assert scheduler.plan.replay(scheduler.journal).horizon.ticks == 16
    assert "16 steps" in str(scheduler.plan.replay(scheduler.journal))


def test_what_was_before_stays_as_it_was_and_windows_too(model: Net) -> None:
    rules = [pg.rule("head", lr_scale=0.5, start="50%"), pg.rule("stem", trainable=False, until="30%")]
    optimizer, scheduler = built(model, rules=rules)
    scheduler.extend(steps=20)
    lived = []
    for step in range(8):
        lived.append((model.stem[0].weight.requires_grad, scheduler.rates["head"]))
        train(model, optimizer, scheduler, range(step, step + 1))
    assert [live for live, _ in lived] == [False] * 3 + [True] * 5
    assert [found for _, found in lived] == [1.0, 0.95, 0.9, 0.85, 0.8, 0.375, 0.35, 0.325]


def test_a_clock_that_began_at_a_thaw(model: Net) -> None:
    rules = [pg.rule("stem", trainable=False, until=4, clock="thaw", schedule=linear())]
    optimizer, scheduler = built(model, rules=rules)
    scheduler.extend(steps=24)
    assert curve(scheduler, "stem.0.weight")[3:6] == [1.0, 1.0, 0.95]
    train(model, optimizer, scheduler, range(14))
    assert scheduler.rates["stem"] == 0.5


def test_shorter_than_a_thaw(model: Net) -> None:
    rules = [pg.rule("stem", trainable=False, until=8, clock="thaw", schedule=linear())]
    optimizer, scheduler = built(model, rules=rules)
    scheduler.extend(steps=6)
    train(model, optimizer, scheduler, range(10))
    run = scheduler.plan.replay(scheduler.journal)
    assert standing(optimizer) == planned(run, optimizer, 10)


def test_a_write_and_a_temporary_edit_go_on_over_it(model: Net) -> None:
    optimizer, scheduler = built(model)
    train(model, optimizer, scheduler, range(2))
    scheduler.scale("**", 0.5, steps=4)
    optimizer.param_groups[0]["lr"] = 0.1
    scheduler.extend(steps=20)
    assert rate(optimizer) == 0.1
    train(model, optimizer, scheduler, range(2, 5))
    assert rate(optimizer) == pytest.approx(0.25 * 0.5 * 0.75)
    train(model, optimizer, scheduler, range(5, 6))
    assert rate(optimizer) == pytest.approx(0.25 * 0.7)
    assert curve(scheduler)[2] == 0.1


class TestWithoutAKnownEnd:
    def test_it_is_told_later(self, model: Net) -> None:
        recipe = pg.Recipe(optimizer="sgd", lr=1.0, schedule=warmup(4).then(cosine(length=5)))
        optimizer, scheduler = pg.build(pg.plan(model, recipe))
        train(model, optimizer, scheduler, range(4))
        (event,) = scheduler.extend(steps=100)
        assert (event.old, event.new) == (None, 100)
        assert rate(optimizer) == 1.0
        assert len(curve(scheduler)) == 100

    def test_clocks_are_counted_from_then_on(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0)))
        for _ in range(30):
            optimizer.step()
        scheduler.extend(steps=100)
        train(model, optimizer, scheduler, range(20))
        assert scheduler.last_epoch == 20
        for _ in range(10):
            optimizer.step()
        with pytest.raises(PlanError, match="updates 11 times more"):
            optimizer.step()

    def test_epochs_need_to_be_known(self, model: Net) -> None:
        _, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0)))
        with pytest.raises(
            PlanError, match=r"a tick is one step. Give steps= \(how long an epoch is was not told"
        ):
            scheduler.extend(epochs=3)


class TestRefused:
    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"steps": 4}, "4 steps would be over, at step 4. Give a larger number"),
            ({"steps": 3}, "3 steps would be over"),
            ({}, "say how long training is in all: steps=, or epochs="),
            ({"steps": 0}, "steps=0 is not between 1 and"),
            ({"steps": 1.5}, "steps=1.5 is a float"),
            ({"steps": "20"}, "Write an int, such as steps=100"),
            ({"epochs": 2}, "Give steps="),
            ({"steps": 20, "epochs": 3}, "20 steps do not divide into 3 epochs"),
        ],
        ids=str,
    )
    def test_a_length_that_cannot_be(self, model: Net, said: dict[str, Any], why: str) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(4))
        with pytest.raises(ParamGroupsError, match=why):
            scheduler.extend(**said)
        assert not scheduler.journal
        assert rate(optimizer) == 0.6

    def test_steps_where_a_tick_is_an_epoch(self, model: Net) -> None:
        _, scheduler = built(model, epochs=10)
        with pytest.raises(PlanError, match=r"a tick is one epoch\. Give epochs="):
            scheduler.extend(steps=20)
        assert scheduler.extend(epochs=20)[0].new == 20

    def test_epochs_of_a_known_length(self, model: Net) -> None:
        optimizer, scheduler = built(model, epochs=2, steps_per_epoch=5)
        train(model, optimizer, scheduler, range(5))
        scheduler.extend(epochs=4)
        assert rate(optimizer) == 0.75

    def test_a_schedule_that_does_not_fit_changes_nothing(self, model: Net) -> None:
        rules = [pg.rule("head", schedule=warmup(6).then(linear(length=4)), lr_scale=0.5)]
        optimizer, scheduler = built(model, rules=rules)
        train(model, optimizer, scheduler, range(2))
        before = standing(optimizer), scheduler.state_dict()
        with pytest.raises(ScheduleError, match="steps"):
            scheduler.extend(steps=5)
        assert (standing(optimizer), scheduler.state_dict()) == before
        train(model, optimizer, scheduler, range(2, 4))
        assert rate(optimizer) == 0.6
