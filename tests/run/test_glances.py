"""Plain writes into an optimizer's groups: found once, never compounded, never undone."""

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, StepLR

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.schedules import constant, linear
from tests.run.models import Net, same, train, values
from tests.support import calls_of

RULES = [pg.rule("head", lr_scale=10, group="head"), pg.rule("stem", lr_scale=0.5)]


def built(model: nn.Module, *, rules: Any = (), steps: int = 10, **said: Any) -> Any:
    found: dict[str, Any] = {"optimizer": "sgd", "lr": 1.0, "momentum": 0.5, "schedule": linear()} | said
    return pg.build(pg.plan(model, pg.Recipe(**found, rules=[*RULES, *rules]), steps=steps))


def group_of(optimizer: Any, name: str = "head") -> dict[str, Any]:
    return next(group for group in optimizer.param_groups if group["name"] == name)


def tick(optimizer: Any, scheduler: pg.Scheduler, times: int = 1) -> None:
    for _ in range(times):
        optimizer.step()
        scheduler.step()


class TestPitfall14:
    def test_torch_undoes_one_and_compounds_another(self) -> None:
        rates = []
        for make in (lambda o: LambdaLR(o, lambda _: 1.0), lambda o: ExponentialLR(o, 0.5)):
            optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
            scheduler = make(optimizer)
            for step in range(3):
                optimizer.step()
                if step == 1:
                    optimizer.param_groups[0]["lr"] *= 0.5
                scheduler.step()
            rates.append(optimizer.param_groups[0]["lr"])
        assert rates[0] == 1.0

    def test_here_it_is_a_factor_from_then_on(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        tick(optimizer, scheduler, 2)
        group_of(optimizer)["lr"] *= 0.5
        optimizer.step()
        assert group_of(optimizer)["lr"] == 10 * 0.8 * 0.5
        scheduler.step()
        assert group_of(optimizer)["lr"] == 10 * 0.5 * 0.7
        tick(optimizer, scheduler, 3)
        assert group_of(optimizer)["lr"] == 10 * 0.5 * 0.4
        assert len(scheduler.journal) == 1

    def test_the_event_says_what_was_written(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        tick(optimizer, scheduler, 2)
        group_of(optimizer)["lr"] = 2.0
        tick(optimizer, scheduler)
        (event,) = scheduler.journal
        assert (event.step, event.cause, event.action, event.hyper) == (2, "written", "write", "lr")
        assert (event.old, event.new, event.value) == (8.0, 2.0, 0.25)
        assert event.names == ("head.weight", "head.bias")
        assert scheduler.plan.replay(scheduler.journal).at(2)["head.weight"].lr == 2.0


@pytest.mark.parametrize("value", [8.0, np.float64(8.0), np.float32(8.0), torch.tensor(8.0), 8], ids=repr)
def test_an_equal_value_is_no_event(model: Net, value: Any) -> None:
    optimizer, scheduler = built(model)
    tick(optimizer, scheduler, 2)
    group_of(optimizer)["lr"] = value
    tick(optimizer, scheduler, 2)
    assert not scheduler.journal
    assert group_of(optimizer)["lr"] == 6.0
    assert type(group_of(optimizer)["lr"]) is float


@pytest.mark.parametrize(
    "value", [4.0, np.float64(4), np.float32(4), np.int64(4), torch.tensor(4.0), 4], ids=repr
)
def test_any_kind_of_number_is_taken(model: Net, value: Any) -> None:
    optimizer, scheduler = built(model)
    tick(optimizer, scheduler, 2)
    group_of(optimizer)["lr"] = value
    tick(optimizer, scheduler, 3)
    assert group_of(optimizer)["lr"] == 10 * 0.5 * 0.5
    assert type(scheduler.journal[0].new) in (float, int)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -1.0, "0.1", None, [1.0], torch.ones(2), np.ones(2), True, 10**400],
    ids=str,
)
def test_what_is_no_rate_is_an_error_until_it_is_mended(model: Net, value: Any) -> None:
    optimizer, scheduler = built(model)
    tick(optimizer, scheduler, 2)
    group_of(optimizer)["lr"] = value
    for _ in range(2):
        with pytest.raises(PlanError, match=r'lr of the group "head" was written as .*Write 8\.0 back'):
            scheduler.step()
    assert (scheduler.last_epoch, len(scheduler.journal)) == (2, 0)
    assert scheduler.state_dict()["journal"] == ()
    scheduler.set("head", lr=5.0)
    assert group_of(optimizer)["lr"] == 5.0 * 0.8
    tick(optimizer, scheduler)


class TestWhereOursIs0:
    def test_it_names_what_says_it(self, model: Net) -> None:
        optimizer, scheduler = built(model, rules=[pg.rule("stem", lr=0.0)])
        group_of(optimizer, "stem")["lr"] = 0.25
        with pytest.raises(PlanError, match=r'stands|no factor says.*scheduler\.set\("stem", lr=0\.25\)'):
            scheduler.step()
        scheduler.set("stem", lr=0.25)
        tick(optimizer, scheduler, 5)
        assert group_of(optimizer, "stem")["lr"] == 0.25 * 0.5
        assert [event.action for event in scheduler.journal] == ["set"]

    def test_a_scale_does_not_mend_it(self, model: Net) -> None:
        _, scheduler = built(model, rules=[pg.rule("stem", lr=0.0)])
        group_of(scheduler.optimizer, "stem")["lr"] = 0.25
        with pytest.raises(PlanError, match="no factor says how it goes on"):
            scheduler.scale("stem", 0.5)

    def test_from_a_tiny_one_no_factor_leads(self, model: Net) -> None:
        optimizer, scheduler = built(model, rules=[pg.rule("stem", lr=1e-310)])
        group_of(optimizer, "stem")["lr"] = 1.0
        with pytest.raises(PlanError, match="a factor beyond all numbers"):
            scheduler.step()

    def test_0_may_be_written_and_set_again(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        group_of(optimizer)["lr"] = 0.0
        tick(optimizer, scheduler, 2)
        assert group_of(optimizer)["lr"] == 0.0
        scheduler.set("head", lr=1.0)
        assert group_of(optimizer)["lr"] == 0.8


class TestBesideEdits:
    def test_a_scale_goes_on_top_of_it(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        group_of(optimizer)["lr"] *= 0.5
        scheduler.scale("head", 0.5)
        assert group_of(optimizer)["lr"] == 2.5
        assert [event.action for event in scheduler.journal] == ["write", "scale"]

    def test_a_set_drops_it(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        group_of(optimizer)["lr"] *= 0.5
        scheduler.set("head", lr=2.0)
        assert group_of(optimizer)["lr"] == 2.0
        assert [event.action for event in scheduler.journal] == ["set"]

    def test_a_set_elsewhere_leaves_it(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        group_of(optimizer)["lr"] *= 0.5
        scheduler.set("stem", lr=2.0)
        assert (group_of(optimizer)["lr"], group_of(optimizer, "stem")["lr"]) == (5.0, 2.0)
        tick(optimizer, scheduler, 5)
        assert (group_of(optimizer)["lr"], group_of(optimizer, "stem")["lr"]) == (2.5, 1.0)

    def test_a_set_for_some_steps_gives_it_back(self, model: Net) -> None:
        optimizer, scheduler = built(model, schedule=None)
        group_of(optimizer)["lr"] = 5.0
        scheduler.set("head", lr=2.0, steps=2)
        assert group_of(optimizer)["lr"] == 2.0
        tick(optimizer, scheduler, 2)
        assert group_of(optimizer)["lr"] == 5.0

    def test_a_scale_of_0_on_top(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        scheduler.scale("head", 0.0)
        assert group_of(optimizer)["lr"] == 0.0
        scheduler.set("head", lr=3.0)
        assert group_of(optimizer)["lr"] == 3.0


class TestPacked:
    @pytest.mark.parametrize("kind", [tuple, list])
    def test_one_part_is_written(self, model: Net, kind: Any) -> None:
        recipe = pg.Recipe(
            optimizer="adamw", lr=1.0, betas=(0.8, 0.99), schedules={"beta1": linear(end=0.5)}, rules=RULES
        )
        optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=10))
        group_of(optimizer)["betas"] = kind((0.4, 0.99))
        tick(optimizer, scheduler)
        assert [(event.hyper, event.value) for event in scheduler.journal] == [("beta1", 0.5)]
        assert group_of(optimizer)["betas"] == pytest.approx((0.8 * 0.5 * 0.95, 0.99))

    @pytest.mark.parametrize("value", [(0.8,), 0.8, None, "ab", (0.8, "x"), (0.8, 1.0)], ids=repr)
    def test_what_is_no_pair(self, model: Net, value: Any) -> None:
        recipe = pg.Recipe(optimizer="adamw", lr=1.0, betas=(0.8, 0.99), rules=RULES)
        optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=10))
        group_of(optimizer)["betas"] = value
        with pytest.raises(PlanError, match=r"beta\d of the group|betas of the group"):
            scheduler.step()


class TestTensors:
    def started(self, model: nn.Module, dtype: torch.dtype = torch.float32) -> Any:
        plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.3, schedule=linear(), rules=RULES), steps=10)
        groups = plan.param_groups()
        for group in groups:
            group["lr"] = torch.tensor(group["lr"], dtype=dtype)
        optimizer = torch.optim.SGD(groups)
        return optimizer, pg.Scheduler(optimizer, plan)

    def test_rounding_is_no_edit(self, model: Net) -> None:
        optimizer, scheduler = self.started(model)
        for _ in range(8):
            group_of(optimizer)["lr"].mul_(1.0)
            tick(optimizer, scheduler)
        assert not scheduler.journal

    @pytest.mark.parametrize("how", ["in place", "a tensor", "a number"])
    def test_it_is_written(self, model: Net, how: str) -> None:
        optimizer, scheduler = self.started(model, torch.float64)
        tick(optimizer, scheduler, 2)
        held = group_of(optimizer)["lr"]
        if how == "in place":
            held.mul_(0.5)
        else:
            group_of(optimizer)["lr"] = torch.tensor(1.2, dtype=torch.float64) if how == "a tensor" else 1.2
        tick(optimizer, scheduler, 3)
        assert group_of(optimizer)["lr"] is held
        assert float(held) == pytest.approx(3.0 * 0.5 * 0.5, rel=1e-15)
        assert [event.new for event in scheduler.journal] == [pytest.approx(1.2)]


class TestReplaced:
    def test_groups_replaced_by_equal_ones(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        tick(optimizer, scheduler, 2)
        optimizer.param_groups = copy.deepcopy(optimizer.param_groups)
        tick(optimizer, scheduler)
        assert not scheduler.journal
        assert group_of(optimizer)["lr"] == 7.0
        optimizer.param_groups = pickle.loads(pickle.dumps(optimizer.param_groups))  # noqa: S301  # our own
        group_of(optimizer)["lr"] = 3.5
        tick(optimizer, scheduler)
        assert group_of(optimizer)["lr"] == 5.0 * 0.6

    def test_a_loaded_optimizer_has_the_planned_values_again(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        state = copy.deepcopy(optimizer.state_dict())
        tick(optimizer, scheduler, 2)
        optimizer.load_state_dict(state)
        assert group_of(optimizer)["lr"] == 8.0
        group_of(optimizer)["lr"] = 4.0
        tick(optimizer, scheduler)
        assert group_of(optimizer)["lr"] == 3.5

    def test_what_a_finder_writes_and_takes_back(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        tick(optimizer, scheduler, 2)
        state = copy.deepcopy(optimizer.state_dict())
        for number in range(5):
            for group in optimizer.param_groups:
                group["lr"] = 10.0**-number
            optimizer.step()
        optimizer.load_state_dict(state)
        tick(optimizer, scheduler, 3)
        assert not scheduler.journal
        assert group_of(optimizer)["lr"] == 5.0

    def test_a_write_while_frozen_is_there_at_the_thaw(self, model: Net) -> None:
        optimizer, scheduler = built(model, rules=[pg.rule("stem", trainable=False, until=4)])
        group_of(optimizer, "stem")["lr"] *= 0.5
        train(model, optimizer, scheduler, range(5))
        assert model.stem[0].weight.requires_grad
        assert group_of(optimizer, "stem")["lr"] == 0.5 * 0.5 * 0.5

    @pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch"])
    def test_copies_go_their_own_ways(self, model: Net, how: str) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(2))
        group_of(optimizer)["lr"] *= 0.5
        mine = (model, optimizer, scheduler)
        if how == "deepcopy":
            theirs = copy.deepcopy(mine)
        elif how == "pickle":
            theirs = pickle.loads(pickle.dumps(mine))  # noqa: S301  # our own
        else:
            file = io.BytesIO()
            torch.save(mine, file)
            file.seek(0)
            theirs = torch.load(file, weights_only=False)
        for one in (mine, theirs):
            train(one[0].train(), *one[1:], range(2, 4))
        assert same(values(model), values(theirs[0]))
        assert scheduler.journal == theirs[2].journal
        group_of(theirs[1])["lr"] *= 0.5
        scheduler.set("head", lr=7.0)
        tick(*theirs[1:])
        tick(optimizer, scheduler)
        assert (group_of(optimizer)["lr"], group_of(theirs[1])["lr"]) == (3.5, 1.25)


class TestOfOthers:
    @pytest.mark.parametrize("late", [0, 1, 2, 5])
    def test_another_scheduler_is_told_when_it_writes(self, model: Net, late: int) -> None:
        optimizer, scheduler = built(model, steps=50)
        for _ in range(late):
            group_of(optimizer)["lr"] *= 0.9
            tick(optimizer, scheduler)
        other = StepLR(optimizer, 2, gamma=0.5)

        def go() -> None:
            for _ in range(20):
                tick(optimizer, scheduler)
                other.step()

        with pytest.raises(PlanError, match=r"StepLR writes this optimizer's rates too.*scheduler\.set"):
            go()


def test_thousands_of_writes_cost_the_same_each(model: Net) -> None:
    """A write each step: what one costs does not grow with those before."""
    optimizer, scheduler = built(model, steps=10_000, schedule=constant(0.5))

    def go(count: int) -> None:
        for number in range(count):
            for place, group in enumerate(optimizer.param_groups):
                group["lr"] = 0.1 + (number * 7 + place) % 13 / 100
            tick(optimizer, scheduler)

    go(20)
    early = calls_of(lambda: go(20))
    go(1500)
    assert calls_of(lambda: go(20)) < 1.2 * early
