"""Other schedulers of torch beside ours, before it, and after it."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ChainedScheduler, ExponentialLR, LinearLR, SequentialLR

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.run.others import other_schedulers
from paramgroups.schedules import Schedule, linear
from tests.run.models import Net, net, update

RULES = [pg.rule("head", lr_scale=10, group="head")]


def built(model: nn.Module, schedule: Schedule | None = None) -> Any:
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, schedule=schedule, rules=RULES)
    return pg.build(pg.plan(model, recipe, steps=10))


def rates(optimizer: Any, outer: Any, times: int) -> list[float]:
    found = []
    for _ in range(times):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        outer.step()
    return found


class TestInASequence:
    @pytest.mark.parametrize(
        ("schedule", "after"),
        [(None, [1.0] * 4), (linear(), [1.0, 0.9, 0.8, 0.7])],
        ids=["constant", "linear"],
    )
    def test_after_another(self, model: Net, schedule: Schedule | None, after: list[float]) -> None:
        optimizer, scheduler = built(model, schedule)
        first = LinearLR(optimizer, start_factor=0.5, total_iters=8)
        outer = SequentialLR(optimizer, [first, scheduler], milestones=[4])
        before = [0.5, 0.5625, 0.625, 0.6875]
        assert rates(optimizer, outer, 8) == pytest.approx(before + after)
        assert not scheduler.journal
        optimizer.param_groups[0]["lr"] *= 0.5
        outer.step()
        assert [event.action for event in scheduler.journal] == ["write"]

    @pytest.mark.parametrize("schedule", [None, linear()], ids=["constant", "linear"])
    def test_before_another(self, model: Net, schedule: Schedule | None) -> None:
        optimizer, scheduler = built(model, schedule)
        then = ExponentialLR(optimizer, 0.5)
        outer = SequentialLR(optimizer, [scheduler, then], milestones=[3])
        planned = scheduler.plan.curve("stem.0.weight")
        found = rates(optimizer, outer, 6)
        assert found[:3] == planned[:3]
        assert found[4:] == pytest.approx([found[3] * 0.5, found[3] * 0.25])

    def test_before_its_turn_it_is_saved_and_loaded(self, model: Net) -> None:
        def started(model: nn.Module) -> Any:
            optimizer, scheduler = built(model, linear())
            first = LinearLR(optimizer, start_factor=0.5, total_iters=8)
            return optimizer, scheduler, SequentialLR(optimizer, [first, scheduler], milestones=[4])

        optimizer, scheduler, outer = started(model)
        rates(optimizer, outer, 2)
        states = []
        for _ in range(5):  # also where others' writes could be taken for edits
            states = copy.deepcopy([optimizer.state_dict(), outer.state_dict()])
        assert not scheduler.journal
        whole = rates(optimizer, outer, 6)
        for order in ((0, 1), (1, 0)):
            other_model = net()
            other, _, clock = started(other_model)
            for place in order:
                (other, clock)[place].load_state_dict(states[place])
            assert rates(other, clock, 6) == whole

    def test_what_is_decided_before_its_turn_acts_from_its_first_tick(self, model: Net) -> None:
        optimizer, scheduler = built(model, linear())
        first = LinearLR(optimizer, start_factor=0.5, total_iters=8)
        outer = SequentialLR(optimizer, [first, scheduler], milestones=[2])
        scheduler.scale("default", 0.5)
        assert optimizer.param_groups[0]["lr"] == 0.5
        assert rates(optimizer, outer, 4) == [0.5, 0.5625, 0.5, 0.45]


class TestBeside:
    def test_one_that_multiplies(self, model: Net) -> None:
        optimizer, scheduler = built(model, linear())
        outer = ChainedScheduler([scheduler, ExponentialLR(optimizer, 0.5)])
        optimizer.step()
        outer.step()
        with pytest.raises(PlanError, match="ExponentialLR writes this optimizer's rates too"):
            outer.step()

    def test_one_of_another_optimizer_is_none_of_ours(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        other = torch.optim.SGD(net().parameters(), lr=1.0)
        beside = ExponentialLR(other, 0.5)
        assert other_schedulers(optimizer, pg.Scheduler) == []
        assert other_schedulers(other, pg.Scheduler) == ["ExponentialLR"]
        update(model, optimizer, 0)
        optimizer.param_groups[0]["lr"] *= 0.5
        scheduler.step()
        assert beside.last_epoch == 0
        assert len(scheduler.journal) == 1


class TestTakenOver:
    @pytest.mark.parametrize(
        "act",
        [
            lambda s: s.step(),
            lambda s: s.scale("head", 0.5),
            lambda s: s.set("head", lr=0.5),
            lambda s: s.extend(steps=20),
            lambda s: s.observe(loss=1.0),
            lambda s: s.load_state_dict(s.state_dict()),
        ],
        ids=["step", "scale", "set", "extend", "observe", "load"],
    )
    def test_one_that_drives_no_more_writes_no_more(self, model: Net, act: Any) -> None:
        optimizer, scheduler = built(model)
        now = pg.Scheduler(optimizer, scheduler.plan)
        with pytest.raises(PlanError, match=r"Another pg.Scheduler was made for this optimizer"):
            act(scheduler)
        assert (now.journal, optimizer.param_groups[-1]["lr"]) == (scheduler.journal, 10.0)
